"""A column by whose index rows are not to be looked for.

SQLite counts no rows unless it is told to, and takes any index for a good one: `look_up` of 100 chunks went through the
whole shelf, 500 ms instead of two. It leaves an index alone where the column stands behind a plus sign. The servers
count, and judge the better for seeing the bare column: behind a function PostgreSQL took 290 ms.
"""

from typing import Any

from sqlalchemy import ColumnElement, String
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement


class ByNoIndex(FunctionElement[str]):
    inherit_cache = True
    type = String()


@compiles(ByNoIndex)
def _bare(element: ByNoIndex, compiler: SQLCompiler, **options: Any) -> str:
    return compiler.process(element.clauses, **options)


@compiles(ByNoIndex, "sqlite")
def _plus(element: ByNoIndex, compiler: SQLCompiler, **options: Any) -> str:
    return f"+{compiler.process(element.clauses, **options)}"


def by_no_index(column: ColumnElement[str]) -> ByNoIndex:
    return ByNoIndex(column)
