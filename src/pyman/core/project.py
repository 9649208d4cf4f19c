"""Where the project lives and whom to write to: unset until a person fills it in, in this one place (CONTRIBUTING.md).

Import-light. `docs/`, the workflows and the templates name no address of their own.
"""

from __future__ import annotations

ADDRESS: str | None = None
"""The repository, as `https://host/owner/name`, without a slash at the end."""
CONTACT: str | None = None
"""Where security problems are reported in private: an address of mail, or of a form."""
DOWNLOADS: str | None = None
"""The folder of released files, over https, from which `self update` takes a release and its sums."""
