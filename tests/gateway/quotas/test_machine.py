"""The two promises hold whatever happens: never over a rate, never over a budget."""

from hypothesis import settings

from tests.gateway.quotas.machine import QuotaMachine

TestQuotas = QuotaMachine.TestCase
TestQuotas.settings = settings(max_examples=150, stateful_step_count=60, deadline=None)
