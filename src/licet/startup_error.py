"""What keeps a process from starting."""


class StartupError(Exception):
    """Raised before anything is served. The message is for the operator's eyes: what is wrong, then what to do next.

    It never holds a secret's value. The command line prints it without a stack trace and exits with `exit_code`.
    """

    exit_code = 3
