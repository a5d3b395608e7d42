"""The whole settings tree: every section of every part, from driftglass.yaml and DRIFTGLASS_* variables."""

from pydantic import Field, field_validator

from alerting.settings import AlertingSettings
from api.declaration import ModelDeclaration
from api.settings import ApiSettings
from collector.gateway_settings import GatewaySettings
from collector.settings import CollectorSettings
from detectors.settings import DetectorSettings
from kernel.settings import LogSettings, Section, SettingsTree, StoreSettings
from kernel.settings_problem import require_once
from shadow.settings import ShadowSettings
from store.gpu_settings import GpuSettings
from store.upkeep_settings import UpkeepSettings


class DashboardServer(Section):
    """Where the dashboard listens."""

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(7463, ge=0, le=65_535, description="Port to listen on.")


class Settings(SettingsTree):
    """Everything that can be set."""

    workspace: str = Field("default", description="The workspace that the parts of this process work on.")
    log: LogSettings = LogSettings()
    store: StoreSettings = StoreSettings()
    gateway: GatewaySettings = GatewaySettings()
    collector: CollectorSettings = CollectorSettings()
    detectors: DetectorSettings = DetectorSettings()
    alerting: AlertingSettings = AlertingSettings()
    shadow: ShadowSettings = ShadowSettings()
    dashboard: DashboardServer = DashboardServer()
    api: ApiSettings = ApiSettings()
    upkeep: UpkeepSettings = UpkeepSettings()
    gpu: GpuSettings = GpuSettings()
    models: tuple[ModelDeclaration, ...] = Field(
        (), description="Models declared as code; `driftglass apply` reads them."
    )

    @field_validator("models")
    @classmethod
    def _once(cls, models: tuple[ModelDeclaration, ...]) -> tuple[ModelDeclaration, ...]:
        require_once([declared.model for declared in models], "model", "{name!r} is declared twice")
        return models
