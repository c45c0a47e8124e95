"""Putting a student on the Hugging Face hub: only when asked, private unless asked, nothing else of the run."""

from __future__ import annotations

from pathlib import Path

from selfdistill.errors import UserError


def push_student(student: Path, repository: str, *, public: bool = False) -> str:
    """Upload a student's directory as one commit; the repository is made if it is not there.

    Args:
        student: an ordinary model directory with its card.
        repository: NAME or OWNER/NAME on the hub. The key is the one of `hf auth login` or of HF_TOKEN.
        public: anybody may read it.

    Returns:
        The repository's address.

    Raises:
        UserError: the hub refuses or cannot be reached, or the repository is public and this was not asked for.
    """
    import httpx
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    api = HfApi()
    try:
        name = api.create_repo(repository, private=not public, exist_ok=True).repo_id
        if not public and not api.model_info(name).private:
            raise UserError("the repository is public already", where=repository, fix="give --public, or another name")
        api.upload_folder(folder_path=student, repo_id=name, commit_message="A self-distilled model")
    except (HfHubHTTPError, HFValidationError, httpx.HTTPError, OSError, ValueError) as error:
        gist = " ".join(str(error).split())[:300]
        raise UserError(
            f"the hub did not take it: {gist}",
            where=repository,
            fix="log in with `hf auth login` or set HF_TOKEN to a key that may write",
        ) from error
    return f"{api.endpoint}/{name}"
