from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from failmap.run_folder.errors import UserError
from failmap.search.config import RunConfig
from failmap.search.journal.address import read_address
from failmap.search.loading import from_yaml, resume_config, to_yaml
from failmap.search.loading.request import load

ADDRESS = "postgresql://me@host/runs"
texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1, max_size=12)


@pytest.mark.parametrize(
    ("text", "address", "password"),
    [
        ("postgresql://me@host/runs", "postgresql://me@host/runs", None),
        ("postgresql://me:secret@host:5433/runs", "postgresql://me@host:5433/runs", "secret"),
        ("postgresql://me:a%40b%2Fc@host/runs", "postgresql://me@host/runs", "a@b/c"),
        (
            "postgresql://host/runs?sslmode=require&password=secret",
            "postgresql://host/runs?sslmode=require",
            "secret",
        ),
        ("postgresql:///runs?host=/run/postgresql", "postgresql:///runs?host=/run/postgresql", None),
        ("postgresql://me@[::1]:5432/runs", "postgresql://me@[::1]:5432/runs", None),
    ],
)
def test_address_and_password(text: str, address: str, password: str | None) -> None:
    assert read_address(text) == (address, password)


@given(user=texts, password=texts)
def test_any_password_is_removed(user: str, password: str) -> None:
    escaped = quote(user, safe="")
    text = f"postgresql://{escaped}:{quote(password, safe='')}@host/runs"
    assert read_address(text) == (f"postgresql://{escaped}@host/runs", password)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("postgres://me@host/runs", "did you mean postgresql://"),
        ("mysql://me:hunter2@host/runs", "must be the address of a PostgreSQL database"),
        ("runs/journal.log", "must be the address of a PostgreSQL database"),
        ("postgresql://me@host", "must name one database"),
        ("postgresql://me@host/a/b", "must name one database"),
        ("postgresql://me@host:port/runs", "the port behind the host must be a number"),
        ("postgresql://me:hun/ter2@host/runs", "write @ as %40, / as %2F"),
        ("postgresql://me:hun ter2@host/runs", "has a space"),
        ("postgresql://me@host/runs?sslmod=require", "did you mean sslmode?"),
    ],
)
def test_invalid_address_is_not_repeated(text: str, problem: str) -> None:
    with pytest.raises(UserError) as raised:
        load(["space=lstm_depth", f"journal={text}"])
    assert problem in str(raised.value)
    assert "ter2" not in str(raised.value)


@pytest.fixture(scope="module")
def config() -> RunConfig:
    return load(["run=tiny", "journal=postgresql://me:hunter2@host/runs"])


def test_password_is_in_no_file_or_message(config: RunConfig) -> None:
    assert config.journal == ADDRESS
    assert config.journal_password is not None
    assert config.journal_password.get_secret_value() == "hunter2"
    assert "hunter2" not in to_yaml(config) + repr(config) + str(config)
    stored = from_yaml(to_yaml(config))
    assert (stored.journal, stored.journal_password) == (ADDRESS, None)


def test_resume_accepts_only_a_password(config: RunConfig) -> None:
    stored = from_yaml(to_yaml(config))
    assert resume_config(stored, []) == stored
    again = resume_config(stored, ["journal=postgresql://me:hunter3@host/runs"])
    assert again.journal_password is not None
    assert again.journal_password.get_secret_value() == "hunter3"
    with pytest.raises(UserError, match="that is another run"):
        resume_config(stored, ["journal=postgresql://me:hunter3@elsewhere/runs"])
    with pytest.raises(UserError, match="that is another run"):
        resume_config(stored, ["journal=none"])


def test_stored_password_is_refused(config: RunConfig) -> None:
    text = to_yaml(config).replace("me@host", "me:hunter2@host")
    with pytest.raises(UserError, match="a password is not stored here") as raised:
        from_yaml(text)
    assert "hunter2" not in str(raised.value)
