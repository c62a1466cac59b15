"""Object storage that an index is kept in: addresses, and what LanceDB says of a server that does not do as asked.

LanceDB hands an address on to Rust, which answers with everything it knows, some thousand letters of it.
"""

from __future__ import annotations

import re

from kinema.errors import UsageError

_HALF = re.compile(r"[a-z][a-z0-9+]+:/(?!/)|[a-z][a-z0-9+]*://$")
_PAGE = "docs/search.md has what object storage needs"

REASONS = (
    ("NoSuchBucket", "there is no such bucket", "make it first, or give another by --index"),
    ("Failed to get AWS credentials", "no credentials", "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"),
    ("InvalidAccessKeyId", "the server does not know the key", "see AWS_ACCESS_KEY_ID"),
    ("SignatureDoesNotMatch", "the secret is not the key's", "see AWS_SECRET_ACCESS_KEY"),
    ("AccessDenied", "the key may not do that there", "see AWS_ACCESS_KEY_ID and the bucket's policy"),
    ("BadScheme", "its server is named by http, without encryption", "set AWS_ALLOW_HTTP=true if that is meant"),
    ("No object store provider", "no such kind of storage is known", "give a folder, or s3://bucket/folder"),
    ("kind: Connect", "its server does not answer", "see AWS_ENDPOINT_URL"),
    ("TokenRequest", "no credentials", _PAGE),
)
"""What is in such an answer, what it means, and what to do."""


def is_address(where: str) -> bool:
    """Whether a place is in object storage, and not a folder."""
    return "://" in where


def check_place(where: str) -> None:
    """Raise UsageError for half an address, which would be taken for a folder or for nothing at all."""
    if _HALF.match(where):
        raise UsageError(f"--index {where} is no whole address: write s3://bucket/folder")


def unreachable(where: str, problem: Exception) -> UsageError | None:
    """What a person is told of a server that could not be asked; None where the fault is not the server's."""
    if not is_address(where):
        return None
    said = str(problem)
    for sign, meaning, remedy in REASONS:
        if sign in said:
            return UsageError(f"the index {where} cannot be reached ({meaning}): {remedy}")
    if "RetryError" in said:
        status = re.search(r"status: (\d+)", said)
        answer = f"its server answers with {status[1]}" if status else "its server does not answer as it should"
        return UsageError(f"the index {where} cannot be reached ({answer}): {_PAGE}")
    return None
