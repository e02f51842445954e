"""What each tenant used, for Prometheus; a bounded number of tenants has series of its own."""

from prometheus_client import CollectorRegistry, Counter

from gateway.usage.counts import Batch, Counts

MAX_TENANTS = 1000
# Of those that came when there were so many.
OTHERS = ""


class TenantMetrics:
    """Sums of usage by tenant; the records have them by key, model and hour as well."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(name: str, text: str) -> Counter:
            return Counter(f"conch_tenant_{name}", text, ["tenant"], registry=registry)

        self._requests = counter("requests", "Requests that count as used, by tenant.")
        self._refused = counter("refused", "Requests that a limit refused, by tenant.")
        self._errors = counter("errors", "Requests that failed on the server's side, by tenant.")
        self._samples = counter("samples", "Batch elements that were computed, by tenant.")
        self._bytes = counter("bytes", "Bytes of the bodies of requests and answers, by tenant.")
        self._compute = counter("compute_seconds", "Time that Triton took, by tenant.")
        self._tenants = {OTHERS}

    def observe(self, batch: Batch) -> None:
        """Add what was counted since the last time."""
        sums: dict[str, Counts] = {}
        for account, counts in batch.items():
            tenant = self._label(account.tenant)
            known = sums.get(tenant)
            if known is None:
                known = sums[tenant] = Counts()
            known.add(counts)
        for tenant, counts in sums.items():
            self._requests.labels(tenant).inc(counts.requests)
            self._refused.labels(tenant).inc(counts.refused)
            self._errors.labels(tenant).inc(counts.errors)
            self._samples.labels(tenant).inc(counts.samples)
            self._bytes.labels(tenant).inc(counts.size_bytes)
            self._compute.labels(tenant).inc(counts.compute_us / 1e6)

    def _label(self, tenant: str) -> str:
        if tenant in self._tenants:
            return tenant
        if len(self._tenants) > MAX_TENANTS:
            return OTHERS
        self._tenants.add(tenant)
        return tenant
