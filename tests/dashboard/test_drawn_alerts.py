"""Which incidents the page of all alerts draws, where there are more than it has room for."""

from dashboard.views.alerts import drawn
from store.alert_rows import OPEN, Incident
from store.alert_view import OpenIncident


def opened(model: str, tier: str, number: int) -> OpenIncident:
    return OpenIncident(Incident(f"{model}-{tier}-{number}", model, tier, OPEN, f"{model}: drift", number), ())


def test_models_come_in_the_order_of_their_most_urgent_incident_each_with_its_own() -> None:
    given = [opened("b", "P0", 1), opened("a", "P1", 1), opened("b", "P2", 1), opened("a", "P2", 2)]
    names = [one.incident.incident for one in drawn(given)]
    assert names == ["b-P0-1", "b-P2-1", "a-P1-1", "a-P2-2"]


def test_a_model_with_very_many_hides_no_other_model_s_most_urgent() -> None:
    """As open incidents are given: the worst tier first, whichever model has it."""
    noisy = [opened("noisy", "P2", number) for number in range(100)]
    found = drawn([opened("noisy", "P0", 1), opened("quiet", "P1", 1), *noisy])
    assert len(found) == 50
    assert found[-1].incident.incident == "quiet-P1-1"
    assert [one.incident.model for one in found].count("noisy") == 49
