"""What one account has used since it was closed last; a row of the spool as it stands."""

import msgspec


class Tally(msgspec.Struct, array_like=True):
    """Account and sums in one: the fields of `Account`, then those of `Counts`.

    One object, as with many keys in use each further one is memory to be fetched; and what the
    spool needs of thousands of them is one call of the encoder.
    """

    hour_s: int
    tenant: str
    key: str
    model: str
    requests: int = 0
    refused: int = 0
    errors: int = 0
    samples: int = 0
    size_bytes: int = 0
    compute_us: int = 0
