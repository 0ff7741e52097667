"""The RPC groups of everything that functions are given: secrets, volumes, dicts, queues, blobs."""

from infra.local.rpc_blobs import BlobRpcs
from infra.local.rpc_dicts import Dicts
from infra.local.rpc_environments import Environments
from infra.local.rpc_queues import Queues
from infra.local.rpc_secrets import Secrets
from infra.local.rpc_volume_files import VolumeFiles
from infra.local.rpc_volumes import Volumes

GROUPS = (Environments, Secrets, Volumes, VolumeFiles, Dicts, Queues, BlobRpcs)
