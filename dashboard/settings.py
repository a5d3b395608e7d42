"""What the dashboard needs to know: where the state is, and whose it shows."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from detectors.settings import DetectorSettings
from kernel.settings import SettingsTree, StoreSettings


class DashboardSettings(SettingsTree):
    """The part of the settings tree that the dashboard reads; the other parts' sections are none of its business."""

    model_config = SettingsConfigDict(extra="ignore")

    store: StoreSettings = StoreSettings()
    detectors: DetectorSettings = DetectorSettings()
    workspace: str = Field("default", description="The workspace that the dashboard shows.")
