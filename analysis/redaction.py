"""Secrets in addresses, hidden wherever an address is shown or written down."""

import re
from urllib.parse import unquote

_HIDDEN = "***"

#: What stands before the @ of an address, up to the last one: a password may hold one, unescaped by mistake.
#: Behind a colon that begins no port it may even hold spaces.
_USERINFO = re.compile(r"(?<=://)((?:[^\s/?#@:]*:(?!\d+(?:[/?#\s,;)]|$)).*|\S*)@)(\S*)")
#: A parameter behind a question mark: its name, and its value.
_PARAMETER = re.compile(r"(?<=[?&;])([^=&#\s]+)=([^&#\s]*)")
_SECRET_NAME = re.compile(r"pass|pwd|secret|token|key|sig|cred|auth", re.IGNORECASE)


def hide_secrets(text: str) -> str:
    """The same text without users and passwords of URLs, and without parameters named like secrets.

    It rather hides too much: `postgresql://***@host/runs?password=***`.
    """
    if "://" not in text:
        return text
    return _PARAMETER.sub(_without_value, _USERINFO.sub(_without_user, text))


def _without_user(address: "re.Match[str]") -> str:
    # An @ within a parameter's value is none of a user's: what comes after it belongs to the value.
    return _HIDDEN if "=" in address[1] else f"{_HIDDEN}@{address[2]}"


def _without_value(parameter: "re.Match[str]") -> str:
    is_secret = _SECRET_NAME.search(unquote(parameter[1]))
    return f"{parameter[1]}={_HIDDEN}" if is_secret else parameter[0]
