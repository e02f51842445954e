"""How one Triton stands: used, left out for a while, tried, or slowly taken back. Only rules.

healthy --fails--> ejected --time passes--> probing --is live--> returning --time--> healthy
                      ^                                              |
                      +------------------ fails again ---------------+
"""

from enum import StrEnum

# Requests in a row whose connection broke before an answer.
BROKEN_IN_A_ROW = 3
# Questions for its health in a row that were answered with no or not at all; a new connection that
# is refused or closed is enough alone.
MISSED_IN_A_ROW = 2
# How long it is left out, twice as long each time it fails again.
FIRST_EJECTION_S = 1.0
LONGEST_EJECTION_S = 30.0
# In so long it grows from a tenth to its whole share of the traffic.
RETURN_S = 10.0
FIRST_SHARE = 0.1
# After so long without a failure its past is forgotten.
FORGET_S = 60.0
# By broken requests alone no more than this share is left out: it may be the requests' fault.
MOST_EJECTED_SHARE = 0.5


class State(StrEnum):
    """Whether it gets traffic, and why not."""

    HEALTHY = "healthy"
    EJECTED = "ejected"
    PROBING = "probing"
    RETURNING = "returning"


class Standing:
    """The state of one Triton; the caller tells the time."""

    __slots__ = ("_ejections", "_since_s", "_until_s", "broken", "missed", "state")

    def __init__(self) -> None:
        self.state = State.HEALTHY
        self.broken = 0
        self.missed = 0
        self._ejections = 0
        # When it was last taken back, and until when it is left out.
        self._since_s = 0.0
        self._until_s = 0.0

    @property
    def is_usable(self) -> bool:
        return self.state in (State.HEALTHY, State.RETURNING)

    @property
    def is_sound(self) -> bool:
        """Whether it gives no reason to ask for its health more often than others."""
        return self.state is State.HEALTHY and not (self.missed or self.broken)

    def share(self, now_s: float) -> float:
        """Which part of its usual traffic it gets."""
        if self.state is not State.RETURNING:
            return 1.0
        return min(1.0, max(FIRST_SHARE, (now_s - self._since_s) / RETURN_S))

    def broke(self) -> bool:
        """A request was lost; whether these were too many in a row."""
        self.broken += 1
        return self.broken >= BROKEN_IN_A_ROW

    def missed_question(self) -> bool:
        """It did not say that it is live; whether that was too often in a row."""
        self.missed += 1
        return self.missed >= MISSED_IN_A_ROW

    def await_probe(self) -> None:
        """Give it no traffic until it has said that it is live."""
        self.state = State.PROBING

    def eject(self, now_s: float) -> None:
        """Leave it out from now on."""
        ejection_s = min(FIRST_EJECTION_S * 2**self._ejections, LONGEST_EJECTION_S)
        self.state = State.EJECTED
        self._until_s = now_s + ejection_s
        # Beyond this it would be the longest anyhow.
        self._ejections = min(self._ejections + 1, 16)
        self.broken = 0

    def take_back(self, now_s: float) -> None:
        """It is live: give it traffic, little at first."""
        self.state = State.RETURNING
        self._since_s = now_s
        self.broken = self.missed = 0

    def pass_time(self, now_s: float) -> bool:
        """Go on as time does; whether its share of the traffic has changed."""
        if self.state is State.EJECTED and now_s >= self._until_s:
            self.state = State.PROBING
        elif self.state is State.HEALTHY and now_s >= self._since_s + FORGET_S:
            self._ejections = 0
        elif self.state is State.RETURNING:
            if now_s >= self._since_s + RETURN_S:
                self.state = State.HEALTHY
            return True
        return False


def may_eject(ejected: int, total: int) -> bool:
    """Whether one more may be left out on the word of broken requests.

    >>> may_eject(0, 2), may_eject(1, 2)
    (True, False)
    """
    return ejected + 1 <= total * MOST_EJECTED_SHARE
