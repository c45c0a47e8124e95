"""Prompts: reading (`sources`), wording (`templates`), rendering and tokenising (`render`), cleaning (`prepare`)."""
