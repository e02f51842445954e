"""What goes wrong with a token and with an issuer's keys; both are told to the log alone."""


class Refused(Exception):
    """A token that is not taken. Its reason is one of few texts; what it is about is beside it."""

    def __init__(self, reason: str, about: object = "") -> None:
        super().__init__(reason)
        self.about = about


class KeysUnreadable(Exception):
    """An issuer's keys could not be fetched, or what came is no set of keys."""
