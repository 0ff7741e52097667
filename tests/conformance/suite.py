"""All cases, in the order they are run and reported."""

from tests.conformance import bad_cases, door_cases, faces_cases, modal_cases
from tests.conformance.case import CASES as FOUND

GROUPS = (faces_cases.FACES, bad_cases.BAD, door_cases.DOOR, modal_cases.FEATURES)
CASES = sorted(FOUND, key=lambda case: GROUPS.index(case.group))
