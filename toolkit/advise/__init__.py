"""Should this be fine-tuned at all? Answers in, one advice out, with what it rests on and what it would pay."""

from toolkit.advise.answers import Answers as Answers
from toolkit.advise.answers import Measured as Measured
from toolkit.advise.answers import Rung as Rung
from toolkit.advise.answers import Stated as Stated
from toolkit.advise.break_even import BreakEven as BreakEven
from toolkit.advise.break_even import break_even as break_even
from toolkit.advise.decide import Advice as Advice
from toolkit.advise.decide import Leaf as Leaf
from toolkit.advise.decide import decide as decide
