"""Addresses of databases that hold a run's journal, as `journal=` names them, and their passwords."""

from urllib.parse import quote, unquote, urlsplit

from failmap.run_folder.errors import nearest

SCHEME = "postgresql"

#: The parameters of libpq that an address may have (https://www.postgresql.org/docs/current/libpq-connect.html).
_PARAMETERS = ("host", "port", "sslmode", "sslrootcert", "sslcert", "sslkey", "connect_timeout")
_EXAMPLE = f"{SCHEME}://HOST/DATABASE"


def read_address(text: str) -> tuple[str, str | None]:
    """Return the address without its password, and the password.

    Raises:
        ValueError: It is no address of a PostgreSQL database; the message does not repeat the text.
    """
    scheme, separator, rest = text.partition("://")
    if not separator or scheme != SCHEME:
        known = f": did you mean {SCHEME}://?" if nearest(scheme, [SCHEME]).startswith("; did") else ""
        raise ValueError(f"must be the address of a PostgreSQL database, {_EXAMPLE}{known}")
    if any(character.isspace() or not character.isprintable() for character in rest):
        raise ValueError("has a space or an unprintable character: percent-encode it, as in %20")
    parts = urlsplit(f"//{rest}")
    if parts.fragment or "#" in rest or "@" in parts.path + parts.query or "@" in (parts.username or ""):
        raise ValueError("in a user or password write @ as %40, / as %2F, ? as %3F and # as %23")
    try:
        port = parts.port
    except ValueError:
        raise ValueError("the port behind the host must be a number up to 65535") from None
    database = parts.path.removeprefix("/")
    if not database or "/" in database:
        raise ValueError(f"must name one database, {_EXAMPLE}")
    parameters, password = _read_parameters(parts.query)
    if parts.password is not None:
        password = unquote(parts.password)
    user = f"{quote(unquote(parts.username), safe='')}@" if parts.username else ""
    host = f"[{parts.hostname}]" if parts.hostname and ":" in parts.hostname else parts.hostname or ""
    location = host if port is None else f"{host}:{port}"
    return (
        f"{SCHEME}://{user}{location}/{database}{'?' if parameters else ''}{'&'.join(parameters)}",
        password,
    )


def checked_address(text: str) -> str:
    """Return an address that may be stored. Raises ValueError if it has a password, or is invalid."""
    address, password = read_address(text)
    if password is not None:
        raise ValueError("a password is not stored here: set PGPASSWORD, or pass it with journal= each time")
    return address


def _read_parameters(query: str) -> tuple[list[str], str | None]:
    kept, password = [], None
    for parameter in filter(None, query.split("&")):
        name, equals, value = parameter.partition("=")
        if unquote(name) == "password" and equals:
            password = unquote(value)
        elif name not in _PARAMETERS or not equals:
            raise ValueError(f"has an unknown parameter{nearest(name, _PARAMETERS)}")
        else:
            kept.append(parameter)
    return kept, password
