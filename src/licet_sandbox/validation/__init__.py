"""Checks all traffic against Stripe's OpenAPI document. A tool for tests.

`jsonschema_rs` is loaded only when it is used.

`Sandbox(validate=Checker())` checks every request, answer and event; `raise_any` raises the violations found. A
sandbox in another process writes them to a file: `python -m licet_sandbox --check FILE`, or `SANDBOX_CHECK_FILE=FILE`
if another program starts it.
"""

from licet_sandbox.validation.checker import Checker, Violations
from licet_sandbox.validation.file import CannotCheck, FileChecker, checker_of_environment

__all__ = ["CannotCheck", "Checker", "FileChecker", "Violations", "checker_of_environment"]
