"""The error that prevents a process from starting."""


class StartupError(Exception):
    """Raised before anything is served. The message tells the operator what is wrong and what to do next.

    It never contains the value of a secret. The command line prints it without a stack trace and exits with
    `exit_code`.
    """

    exit_code = 3
