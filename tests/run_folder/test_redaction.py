import pytest
from hypothesis import given
from hypothesis import strategies as st

from failmap.run_folder.errors import UserError, redact

SECRET = "hunter2"
#: What a password may look like where somebody forgot to escape it.
passwords = st.builds(
    lambda before, after: before + SECRET + after,
    *[st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Z"]), max_size=8)] * 2,
)
names = st.from_regex(r"[a-z][a-z0-9_.-]{0,9}", fullmatch=True)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("journal=postgresql://me:hunter2@host:5432/runs", "journal=postgresql://***@host:5432/runs"),
        (
            "postgresql://me@host/runs?password=hunter2&sslmode=require",
            "postgresql://***@host/runs?password=***&sslmode=require",
        ),
        ("https://host/x?X-Amz-Signature=hunter2#top", "https://host/x?X-Amz-Signature=***#top"),
        ("https://host/x?p%61ssword=hunter2", "https://host/x?p%61ssword=***"),
        (
            "postgresql://me:hunter2/with space@host/runs is no address",
            "postgresql://***@host/runs is no address",
        ),
        (
            "s3://bucket/runs, http://127.0.0.1:8265/ and me@host",
            "s3://bucket/runs, http://127.0.0.1:8265/ and me@host",
        ),
        (
            "no address, password=hunter2 is a word like any other",
            "no address, password=hunter2 is a word like any other",
        ),
    ],
)
def test_redact(text: str, shown: str) -> None:
    assert redact(text) == shown


@given(scheme=names, user=names, password=passwords, host=names, before=st.text(), after=st.text())
def test_password_before_the_host_is_hidden(
    scheme: str, user: str, password: str, host: str, before: str, after: str
) -> None:
    before, after = before.replace(SECRET, ""), after.replace(SECRET, "")
    assert SECRET not in redact(f"{before} {scheme}://{user}:{password}@{host}/runs {after}")


@given(
    name=st.sampled_from(
        ["password", "PGPASSWORD", "token", "aws_secret_access_key", "sslpassword", "X-Sig"]
    ),
    value=passwords.filter(lambda text: not set("&#") & set(text)),
    others=st.lists(names, max_size=3),
)
def test_secret_parameters_are_hidden(name: str, value: str, others: list[str]) -> None:
    query = "&".join([*(f"{other}=1" for other in others), f"{name}={value}"])
    assert SECRET not in redact(f"postgresql://host/runs?{query}")


@given(text=st.text() | passwords.map(lambda text: f"https://me:{text}@host/?token={text}"))
def test_redact_is_idempotent(text: str) -> None:
    assert redact(redact(text)) == redact(text)


def test_user_error_hides_secrets() -> None:
    assert UserError("jornal=postgresql://me:hunter2@host/runs: unknown key").problems == (
        "jornal=postgresql://***@host/runs: unknown key",
    )
