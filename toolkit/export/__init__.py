"""The one door out: the split of a judged data set as files for a trainer or provider, bound to its report by hash."""

from toolkit.export.plan import Ask
from toolkit.export.verb import Exported, export

__all__ = ["Ask", "Exported", "export"]
