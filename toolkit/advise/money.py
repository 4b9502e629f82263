"""What a fine-tune costs and saves, each as a range: the user's numbers, none of ours but the days of eval work."""

from __future__ import annotations

from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, GetJsonSchemaHandler, model_validator
from pydantic.json_schema import JsonSchemaValue

DAYS_A_MONTH = 365 / 12


class Range(BaseModel):
    """A number that is not known exactly: `5`, or `[low, likely, high]`."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    low: float = Field(ge=0, allow_inf_nan=False)
    likely: float = Field(ge=0, allow_inf_nan=False)
    high: float = Field(ge=0, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return {"low": value, "likely": value, "high": value}
        if isinstance(value, list) and len(value) == 3:
            return dict(zip(("low", "likely", "high"), value, strict=True))
        if isinstance(value, list):
            raise ValueError(f"a range is one number or [low, likely, high], not {len(value)} numbers")
        return value

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not self.low <= self.likely <= self.high:
            raise ValueError(f"a range goes up: {self.low:g}, {self.likely:g}, {self.high:g} does not")
        return self

    @classmethod
    def __get_pydantic_json_schema__(cls, core: Any, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        number = {"type": "number", "minimum": 0}
        return {"anyOf": [number, {"type": "array", "items": number, "minItems": 3, "maxItems": 3}, handler(core)]}

    @property
    def exact(self) -> bool:
        return self.low == self.high

    def times(self, factor: float) -> Range:
        return Range(low=self.low * factor, likely=self.likely * factor, high=self.high * factor)


def fixed(value: float) -> Range:
    """A range of one number."""
    return Range(low=value, likely=value, high=value)


class Money(BaseModel):
    """What the break-even is computed from, in US dollars; each a number or `[low, likely, high]`."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    calls_per_day: Range | None = Field(default=None, description="calls a day in production; or calls_per_month")
    calls_per_month: Range | None = Field(default=None, description="calls a month in production")
    saving_per_call: Range | None = Field(default=None, description="dollars that the tuned model saves on one call")
    cost_per_1000_now: Range | None = Field(default=None, description="dollars for 1,000 calls as it is done now")
    cost_per_1000_tuned: Range | None = Field(default=None, description="dollars for 1,000 calls of the tuned model")
    months: Range = Field(description="months that it will be in production")
    tune: Range = Field(description="dollars for one tuning, with making and checking its data")
    infrastructure_per_month: Range = Field(default_factory=lambda: fixed(0), description="dollars to serve it")
    maintenance_per_month: Range = Field(default_factory=lambda: fixed(0), description="dollars to look after it")
    retune_every_months: Range | None = Field(
        default=None, description="months between tunings, as the base model moves on"
    )
    eval_days: Range = Field(
        default_factory=lambda: Range(low=2, likely=3, high=5), description="days of work on the eval set"
    )
    day_rate: Range | None = Field(
        default=None, description="dollars for such a day; without it eval work is not counted"
    )

    @model_validator(mode="after")
    def _once(self) -> Self:
        if (self.calls_per_day is None) == (self.calls_per_month is None):
            raise ValueError("give calls_per_day or calls_per_month, one of them")
        pair = (self.cost_per_1000_now, self.cost_per_1000_tuned)
        if (self.saving_per_call is None) != all(pair) or (self.saving_per_call is not None and any(pair)):
            raise ValueError("give saving_per_call, or cost_per_1000_now with cost_per_1000_tuned")
        if self.months.low <= 0 or (self.retune_every_months and self.retune_every_months.low <= 0):
            raise ValueError("months and retune_every_months are above 0")
        return self

    @property
    def calls(self) -> Range:
        """Calls a month."""
        found = self.calls_per_month or (self.calls_per_day and self.calls_per_day.times(DAYS_A_MONTH))
        assert found is not None  # noqa: S101 - the validator has seen to it
        return found
