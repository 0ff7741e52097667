"""The embedded index without what was deleted from it: `python -m db.edge_tidy FOLDER SIZE`.

The engine only marks points as deleted; they stay in the folder and in memory. 2,000 chunks replaced twelve times were
100 MB instead of 10. Its optimizer puts that right, but holds the interpreter's lock (3 s for 3,000 chunks on a busy
machine), so it runs in a process apart, while the index is being opened and nobody searches it yet.
"""

import logging
import subprocess
import sys
from pathlib import Path

log = logging.getLogger(__name__)
ROOT = Path(__file__).parents[1]
LEAST = 100 << 20  # bytes that are worth the while
POINT = 2_048  # bytes of one without its vector: 100,000 chunks of 384 floats are 314 MB
SECONDS = 600


def worth_it(points: Path, count: int, size: int) -> bool:
    """Whether the folder holds much more than so many points of that size need, the log of writes left out."""
    held = sum(each.stat().st_blocks * 512 for each in (points / "segments").rglob("*") if each.is_file())
    return held > LEAST + 2 * count * (4 * size + POINT)


def tidy(points: Path, size: int, lock: int) -> bool:
    """Return whether it was done; nobody may have the shard open. What fails leaves the index as it was.

    `lock` is the descriptor that owns the folder: should we be killed, the process apart still owns it to its end.
    """
    command = [sys.executable, "-m", "db.edge_tidy", str(points.resolve()), str(size)]
    try:
        done = subprocess.run(  # noqa: S603 - ourselves
            command, cwd=ROOT, capture_output=True, text=True, timeout=SECONDS, check=False, pass_fds=(lock,)
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        log.warning("the search index %s keeps what was deleted: %s", points, error)
        return False
    if done.returncode:
        log.warning("the search index %s keeps what was deleted: %s", points, done.stderr.strip()[-200:])
    return done.returncode == 0


def optimize(points: str, size: int) -> None:
    """One segment, without a graph: all of it is searched exactly, before and after."""
    import qdrant_edge as edge

    from db.edge_folder import config_of

    optimizers = edge.EdgeOptimizersConfig(
        deleted_threshold=0.2, vacuum_min_vector_number=100, default_segment_number=1, indexing_threshold=0
    )
    config = config_of(size, optimizers=optimizers, hnsw_config=edge.HnswIndexConfig(0, 4, 10**9))
    shard = edge.EdgeShard.load(points, config)
    shard.optimize()
    shard.flush()
    shard.close()


if __name__ == "__main__":
    optimize(sys.argv[1], int(sys.argv[2]))
