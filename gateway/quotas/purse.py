"""What each request looks at of a lease.

With many limits in use all of it is memory that must be fetched. Compiled, these lie side by side
as plain numbers, ahead of what the subclass adds; interpreted, each is an object elsewhere.
"""

from mypy_extensions import mypyc_attr


# The subclass is not compiled: mypyc's classes take no weak references.
@mypyc_attr(allow_interpreted_subclasses=True)
class Purse:
    """Units that may be spent, and what says whether they still may."""

    __slots__ = ("free", "low_water", "metric", "open_until_ns", "spent_ns", "used")

    free: int
    low_water: int
    metric: int
    open_until_ns: int
    spent_ns: int
    used: int
