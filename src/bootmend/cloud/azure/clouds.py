"""Where Azure is: the public cloud, the sovereign ones, and any other by the address of its Resource Manager.

The names are those of ``az cloud list``; the articles' ``cloudEnvironments`` (Public, Fairfax, Mooncake) are understood
as well.  A cloud of one's own (Azure Stack) tells its addresses at ``/metadata/endpoints``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bootmend.errors import CloudError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

METADATA = "metadata/endpoints?api-version=2022-09-01"


class Cloud(NamedTuple):
    """The addresses of a cloud: its Resource Manager, what tokens are asked for, who gives them."""

    name: str
    manager: str
    audience: str
    authority: str

    @property
    def scope(self) -> str:
        """What a token is asked for; a trailing slash of the audience belongs to it."""
        return f"{self.audience}/.default"


CLOUDS = {
    "AzureCloud": Cloud(
        "AzureCloud", "https://management.azure.com", "https://management.azure.com", "https://login.microsoftonline.com"
    ),
    "AzureUSGovernment": Cloud(
        "AzureUSGovernment",
        "https://management.usgovcloudapi.net",
        "https://management.usgovcloudapi.net",
        "https://login.microsoftonline.us",
    ),
    "AzureChinaCloud": Cloud(
        "AzureChinaCloud",
        "https://management.chinacloudapi.cn",
        "https://management.chinacloudapi.cn",
        "https://login.chinacloudapi.cn",
    ),
}
ALIASES = {
    "public": "AzureCloud",
    "fairfax": "AzureUSGovernment",
    "mooncake": "AzureChinaCloud",
    "usgov": "AzureUSGovernment",
    "china": "AzureChinaCloud",
}


def find_cloud(text: str, read: Callable[[str], bytes]) -> Cloud:
    """A cloud by its name, or by the https address of its Resource Manager, whose metadata ``read`` fetches.

    Raises:
        UsageError: no such cloud is known.
        CloudError: the address does not tell what it should.
    """
    lowered = text.strip().lower()
    known = {name.lower(): cloud for name, cloud in CLOUDS.items()}
    known |= {alias: CLOUDS[name] for alias, name in ALIASES.items()}
    if lowered in known:
        return known[lowered]
    if not lowered.startswith("https://"):
        raise UsageError(
            f"there is no cloud {text!r}", hint=f"they are {', '.join(CLOUDS)}, or the https address of a Resource Manager"
        )
    return _own(text.strip().rstrip("/"), read)


def _own(address: str, read: Callable[[str], bytes]) -> Cloud:
    import json

    try:
        data = json.loads(read(f"{address}/{METADATA}"))
        found = data[0] if isinstance(data, list) else data
        login = found["authentication"]
        return Cloud(
            address,
            str(found.get("resourceManager", address)).rstrip("/"),
            str(login["audiences"][0]),
            str(login["loginEndpoint"]),
        )
    except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        raise CloudError(f"{address} does not describe a cloud", hint="it must answer to /metadata/endpoints") from error
