"""What handlers ask for by name; `web/app.py` provides it."""

from functools import partial

from litestar import HttpMethod, route
from litestar.di import NamedDependency
from litestar.params import FromPath, SkipValidation

from domain.accounts import People
from domain.knowledge.shelves import Shelves
from domain.sign_ins import SignIns
from infra.telemetry import Telemetry
from infra.wiring import Services
from web.assets import Assets
from web.operators import Operators
from web.render import Pages
from web.session import Guests

# Checked where they are made, not at every request: tests put fakes in their place.
NeedServices = NamedDependency[SkipValidation[Services]]
NeedPages = NamedDependency[SkipValidation[Pages]]
NeedAssets = NamedDependency[SkipValidation[Assets]]
NeedGuests = NamedDependency[SkipValidation[Guests]]
NeedOperators = NamedDependency[SkipValidation[Operators]]
NeedTelemetry = NamedDependency[SkipValidation[Telemetry]]
NeedPeople = NamedDependency[SkipValidation[People]]
NeedSignIns = NamedDependency[SkipValidation[SignIns]]
NeedShelves = NamedDependency[SkipValidation[Shelves]]
Guest = NamedDependency[SkipValidation[str]]
PathId = FromPath[str]

# GET, and HEAD for monitors, link checkers and whoever downloads; not for streams of events, which a HEAD would follow
# to their end.
get = partial(route, http_method=[HttpMethod.GET, HttpMethod.HEAD], status_code=200)
page = get
