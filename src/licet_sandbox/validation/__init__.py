"""All traffic against Stripe's OpenAPI document: a tool for tests, so `jsonschema_rs` is loaded only when it is used.

`Sandbox(validate=Checker())` has every request, answer and event checked; a violation is kept and `raise_any` tells.
A sandbox in another process writes them to a file: `python -m licet_sandbox --check FILE`, or `SANDBOX_CHECK_FILE=FILE`
for one that something else starts.
"""

from licet_sandbox.validation.checker import Checker, Violations
from licet_sandbox.validation.file import CannotCheck, FileChecker, checker_of_environment

__all__ = ["CannotCheck", "Checker", "FileChecker", "Violations", "checker_of_environment"]
