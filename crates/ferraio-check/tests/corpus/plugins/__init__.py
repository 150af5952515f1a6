"""Everything through stars."""

from .formats import *
from .loaders import *
