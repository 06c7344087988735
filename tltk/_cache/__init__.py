"""What is kept on disk: where, written how, told apart by what, and by whom at a time."""

from tltk._cache.digests import (
    add_rows,
    code_digest,
    content_digest,
    file_stamp,
    joint_digest,
    network_digest,
    remembered_digests,
    row_chunks,
)
from tltk._cache.files import (
    file_digest,
    flush,
    locked,
    read_facts,
    sha256_of,
    whole_file,
    whole_folder,
    write_facts,
    write_text,
    writing,
)
from tltk._cache.folders import (
    PACKAGE,
    bundle_folder,
    cache_folder,
    folder_from,
    home_folder,
    notebooks_folder,
    user_cache_folder,
)
from tltk._cache.listing import clear_cache, list_cache
from tltk._cache.rows import DONE, kept_rows, temporary_columns

__all__ = [
    "DONE",
    "PACKAGE",
    "add_rows",
    "bundle_folder",
    "cache_folder",
    "clear_cache",
    "code_digest",
    "content_digest",
    "file_digest",
    "file_stamp",
    "flush",
    "folder_from",
    "home_folder",
    "joint_digest",
    "kept_rows",
    "list_cache",
    "locked",
    "network_digest",
    "notebooks_folder",
    "read_facts",
    "remembered_digests",
    "row_chunks",
    "sha256_of",
    "temporary_columns",
    "user_cache_folder",
    "whole_file",
    "whole_folder",
    "write_facts",
    "write_text",
    "writing",
]
