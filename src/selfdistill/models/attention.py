"""Which implementations of attention transformers has here, so that a wrong name shows before any work."""

from __future__ import annotations

from selfdistill.errors import UserError


def check_attention(name: str | None) -> None:
    """Refuse a name that transformers would refuse when it loads the model; kernels of the hub (`OWNER/NAME`) pass.

    Raises:
        UserError: names the key and what there is.
    """
    if name is None or "/" in name:
        return
    from transformers import utils
    from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

    known = sorted({"eager", *ALL_ATTENTION_FUNCTIONS.valid_keys()})
    known = [each for each in known if not each.startswith("paged|")]
    if name not in known:
        raise UserError(f"{name!r} is no attention", where="model.attention", fix=f"give one of {', '.join(known)}")
    if name == "flash_attention_2" and not utils.is_flash_attn_2_available():
        raise UserError("flash_attention_2 is not installed, or finds no GPU", where="model.attention", fix="give sdpa")
