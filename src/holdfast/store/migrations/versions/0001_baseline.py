"""All tables of the first release."""

import sqlalchemy as sa
from alembic import op

from holdfast.store import cipher, columns

revision = "0001"
down_revision = None
destructive = False


def upgrade() -> None:
    if op.get_bind().dialect.supports_sequences:
        op.execute(sa.schema.CreateSequence(sa.Sequence("messages_sequence")))
    _agent_secrets()
    _agents()
    _agents_archives()
    _agents_blocks()
    _agents_files()
    _agents_folders()
    _agents_identities()
    _agents_tools()
    _answers()
    _api_keys()
    _archive_tags()
    _archives()
    _audit_log()
    _batch_items()
    _batches()
    _block_versions()
    _blocks()
    _blocks_identities()
    _file_chunks()
    _file_uploads()
    _files()
    _folders()
    _forgettings()
    _identities()
    _installation()
    _mcp_grants()
    _mcp_servers()
    _messages()
    _organizations()
    _passage_versions()
    _passages()
    _processes()
    _providers()
    _run_events()
    _runs()
    _sandbox_configs()
    _sandbox_variables()
    _search_entries()
    _search_stamps()
    _search_workers()
    _sequences()
    _steps()
    _threads()
    _tools()
    _users()


def _agent_secrets() -> None:
    op.create_table(
        "agent_secrets",
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("created_at", columns.Moment(), nullable=False),
        sa.Column("updated_at", columns.Moment(), nullable=False),
        sa.Column("created_by_id", sa.Text(), nullable=True),
        sa.Column("last_updated_by_id", sa.Text(), nullable=True),
        sa.Column("agent_id", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("value", cipher.EncryptedText(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("organization_id", "id"),
    )
    op.create_index("agent_secrets_by_agent", "agent_secrets", ["organization_id", "agent_id", "key"], unique=True)


def _agents() -> None:
    op.create_table(
        "agents",
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("created_at", columns.Moment(), nullable=False),
        sa.Column("updated_at", columns.Moment(), nullable=False),
        sa.Column("created_by_id", sa.Text(), nullable=True),
        sa.Column("last_updated_by_id", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("agent_type", sa.Text(), nullable=False),
        sa.Column("system", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("metadata", columns.Json(), nullable=True),
        sa.Column("tags", columns.Json(), nullable=False),
        sa.Column("tool_rules", columns.Json(), nullable=False),
        sa.Column("model", sa.Text(), nullable=True),
        sa.Column("llm", columns.Json(), nullable=False),
        sa.Column("model_settings", columns.Json(), nullable=True),
        sa.Column("embedding", sa.Text(), nullable=True),
        sa.Column("embedding_config", columns.Json(), nullable=True),
        sa.Column("compaction_settings", columns.Json(), nullable=True),
        sa.Column("response_format", columns.Json(), nullable=True),
        sa.Column("message_buffer_autoclear", sa.Boolean(), nullable=False),
        sa.Column("enable_sleeptime", sa.Boolean(), nullable=True),
        sa.Column("timezone", sa.Text(), nullable=True),
        sa.Column("max_files_open", sa.BigInteger(), nullable=True),
        sa.Column("per_file_view_window_char_limit", sa.BigInteger(), nullable=True),
        sa.Column("auto_recall", columns.Json(), nullable=True),
        sa.Column("has_folders", sa.Boolean(), nullable=False),
        sa.Column("hidden", sa.Boolean(), nullable=True),
        sa.Column("project_id", sa.Text(), nullable=True),
        sa.Column("template_id", sa.Text(), nullable=True),
        sa.Column("base_template_id", sa.Text(), nullable=True),
        sa.Column("deployment_id", sa.Text(), nullable=True),
        sa.Column("entity_id", sa.Text(), nullable=True),
        sa.Column("last_run_completion", columns.Moment(), nullable=True),
        sa.Column("last_run_duration_ms", sa.BigInteger(), nullable=True),
        sa.Column("last_stop_reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("organization_id", "id"),
    )
    op.create_index("agents_by_name", "agents", ["organization_id", "name"], unique=False)
    op.create_index("agents_by_time", "agents", ["organization_id", "created_at", "id"], unique=False)


def _agents_archives() -> None:
    op.create_table(
        "agents_archives",
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("agent_id", sa.Text(), nullable=False),
        sa.Column("archive_id", sa.Text(), nullable=False),
        sa.Column("is_default", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "agent_id"),
    )
    op.create_index("agents_archives_by_archive", "agents_archives", ["organization_id", "archive_id"], unique=False)


def _agents_blocks() -> None:
    op.create_table(
        "agents_blocks",
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("agent_id", sa.Text(), nullable=False),
        sa.Column("block_id", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "agent_id", "block_id"),
    )
    op.create_index(
        "agents_blocks_by_block", "agents_blocks", ["organization_id", "block_id", "agent_id"], unique=False
    )


def _agents_files() -> None:
    op.create_table(
        "agents_files",
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("created_at", columns.Moment(), nullable=False),
        sa.Column("updated_at", columns.Moment(), nullable=False),
        sa.Column("created_by_id", sa.Text(), nullable=True),
        sa.Column("last_updated_by_id", sa.Text(), nullable=True),
        sa.Column("agent_id", sa.Text(), nullable=False),
        sa.Column("folder_id", sa.Text(), nullable=False),
        sa.Column("file_id", sa.Text(), nullable=False),
        sa.Column("is_open", sa.Boolean(), nullable=False),
        sa.Column("last_accessed_at", columns.Moment(), nullable=True),
        sa.Column("first_line", sa.BigInteger(), nullable=False),
        sa.Column("line_count", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("organization_id", "id"),
    )
    op.create_index("agents_files_by_agent", "agents_files", ["organization_id", "agent_id", "file_id"], unique=True)
    op.create_index("agents_files_by_file", "agents_files", ["organization_id", "file_id"], unique=False)
    op.create_index("agents_files_by_folder", "agents_files", ["organization_id", "folder_id"], unique=False)
    op.create_index(
        "agents_files_by_time", "agents_files", ["organization_id", "agent_id", "created_at", "id"], unique=False
    )


def _agents_folders() -> None:
    op.create_table(
        "agents_folders",
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("agent_id", sa.Text(), nullable=False),
        sa.Column("folder_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "agent_id", "folder_id"),
    )
    op.create_index(
        "agents_folders_by_folder", "agents_folders", ["organization_id", "folder_id", "agent_id"], unique=False
    )


def _agents_identities() -> None:
    op.create_table(
        "agents_identities",
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("identity_id", sa.Text(), nullable=False),
        sa.Column("agent_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "identity_id", "agent_id"),
    )
    op.create_index(
        "agents_identities_back", "agents_identities", ["organization_id", "agent_id", "identity_id"], unique=False
    )


def _agents_tools() -> None:
    op.create_table(
        "agents_tools",
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("agent_id", sa.Text(), nullable=False),
        sa.Column("tool_id", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "agent_id", "tool_id"),
    )
    op.create_index("agents_tools_by_tool", "agents_tools", ["organization_id", "tool_id", "agent_id"], unique=False)


def _answers() -> None:
    op.create_table(
        "answers",
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("created_at", columns.Moment(), nullable=False),
        sa.Column("updated_at", columns.Moment(), nullable=False),
        sa.Column("created_by_id", sa.Text(), nullable=True),
        sa.Column("last_updated_by_id", sa.Text(), nullable=True),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("expires_at", columns.Moment(), nullable=False),
        sa.Column("status", sa.BigInteger(), nullable=True),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("body", cipher.EncryptedText(), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "id"),
    )
    op.create_index("answers_by_expiry", "answers", ["organization_id", "expires_at"], unique=False)
    op.create_index("answers_by_key", "answers", ["organization_id", "key", "path"], unique=True)


def _api_keys() -> None:
    op.create_table(
        "api_keys",
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("created_at", columns.Moment(), nullable=False),
        sa.Column("updated_at", columns.Moment(), nullable=False),
        sa.Column("created_by_id", sa.Text(), nullable=True),
        sa.Column("last_updated_by_id", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("scopes", columns.Json(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=True),
        sa.Column("expires_at", columns.Moment(), nullable=True),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("hint", sa.Text(), nullable=False),
        sa.Column("last_used_at", columns.Moment(), nullable=True),
        sa.Column("revoked_at", columns.Moment(), nullable=True),
        sa.PrimaryKeyConstraint("organization_id", "id"),
    )
    op.create_index("api_keys_digest", "api_keys", ["organization_id", "digest"], unique=True)


def _archive_tags() -> None:
    op.create_table(
        "archive_tags",
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("archive_id", sa.Text(), nullable=False),
        sa.Column("tag", sa.Text(), nullable=False),
        sa.Column("uses", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "archive_id", "tag"),
    )


def _archives() -> None:
    op.create_table(
        "archives",
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("created_at", columns.Moment(), nullable=False),
        sa.Column("updated_at", columns.Moment(), nullable=False),
        sa.Column("created_by_id", sa.Text(), nullable=True),
        sa.Column("last_updated_by_id", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("link_duplicates", sa.Boolean(), nullable=False),
        sa.Column("metadata", columns.Json(), nullable=True),
        sa.Column("embedding", sa.Text(), nullable=True),
        sa.Column("embedding_config", columns.Json(), nullable=True),
        sa.Column("last_position", sa.BigInteger(), nullable=False),
        sa.Column("passage_count", sa.BigInteger(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "id"),
    )
    op.create_index("archives_by_name", "archives", ["organization_id", "name"], unique=False)
    op.create_index("archives_by_time", "archives", ["organization_id", "created_at", "id"], unique=False)


def _audit_log() -> None:
    op.create_table(
        "audit_log",
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("created_at", columns.Moment(), nullable=False),
        sa.Column("updated_at", columns.Moment(), nullable=False),
        sa.Column("created_by_id", sa.Text(), nullable=True),
        sa.Column("last_updated_by_id", sa.Text(), nullable=True),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=True),
        sa.Column("details", columns.Json(), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "id"),
    )
    op.create_index("audit_log_by_time", "audit_log", ["organization_id", "created_at", "id"], unique=False)


def _batch_items() -> None:
    op.create_table(
        "batch_items",
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("created_at", columns.Moment(), nullable=False),
        sa.Column("updated_at", columns.Moment(), nullable=False),
        sa.Column("created_by_id", sa.Text(), nullable=True),
        sa.Column("last_updated_by_id", sa.Text(), nullable=True),
        sa.Column("batch_id", sa.Text(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("agent_id", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=True),
        sa.Column("request", columns.Json(), nullable=True),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("organization_id", "id"),
    )
    op.create_index("batch_items_by_agent", "batch_items", ["organization_id", "agent_id"], unique=False)
    op.create_index(
        "batch_items_by_batch", "batch_items", ["organization_id", "batch_id", "status", "position"], unique=False
    )


def _batches() -> None:
    op.create_table(
        "batches",
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("created_at", columns.Moment(), nullable=False),
        sa.Column("updated_at", columns.Moment(), nullable=False),
        sa.Column("created_by_id", sa.Text(), nullable=True),
        sa.Column("last_updated_by_id", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("completed_at", columns.Moment(), nullable=True),
        sa.Column("callback_url", sa.Text(), nullable=True),
        sa.Column("callback_sent_at", columns.Moment(), nullable=True),
        sa.Column("callback_status_code", sa.BigInteger(), nullable=True),
        sa.Column("callback_error", sa.Text(), nullable=True),
        sa.Column("sender", columns.Json(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=True),
        sa.Column("leased_until", columns.Moment(), nullable=True),
        sa.Column("is_settled", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "id"),
    )
    op.create_index("batches_by_time", "batches", ["organization_id", "created_at"], unique=False)
    op.create_index(
        "batches_not_settled",
        "batches",
        ["created_at"],
        unique=False,
        sqlite_where=sa.text("NOT is_settled"),
        postgresql_where=sa.text("NOT is_settled"),
    )


def _block_versions() -> None:
    op.create_table(
        "block_versions",
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("created_at", columns.Moment(), nullable=False),
        sa.Column("updated_at", columns.Moment(), nullable=False),
        sa.Column("created_by_id", sa.Text(), nullable=True),
        sa.Column("last_updated_by_id", sa.Text(), nullable=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("back_to", sa.BigInteger(), nullable=True),
        sa.Column("run_id", sa.Text(), nullable=True),
        sa.Column("step_id", sa.Text(), nullable=True),
        sa.Column("tool_call_id", sa.Text(), nullable=True),
        sa.Column("agent_id", sa.Text(), nullable=True),
        sa.Column("key_id", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("block_id", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("limit", sa.BigInteger(), nullable=False),
        sa.Column("read_only", sa.Boolean(), nullable=False),
        sa.Column("metadata", columns.Json(), nullable=True),
        sa.Column("tags", columns.Json(), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "id"),
    )
    op.create_index(
        "block_versions_by_block", "block_versions", ["organization_id", "block_id", "version"], unique=True
    )
    op.create_index(
        "block_versions_by_run",
        "block_versions",
        ["organization_id", "run_id"],
        unique=False,
        sqlite_where=sa.text("run_id IS NOT NULL"),
        postgresql_where=sa.text("run_id IS NOT NULL"),
    )


def _blocks() -> None:
    op.create_table(
        "blocks",
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("created_at", columns.Moment(), nullable=False),
        sa.Column("updated_at", columns.Moment(), nullable=False),
        sa.Column("created_by_id", sa.Text(), nullable=True),
        sa.Column("last_updated_by_id", sa.Text(), nullable=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("origin_run_id", sa.Text(), nullable=True),
        sa.Column("origin_step_id", sa.Text(), nullable=True),
        sa.Column("origin_call_id", sa.Text(), nullable=True),
        sa.Column("origin_key_id", sa.Text(), nullable=True),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("limit", sa.BigInteger(), nullable=False),
        sa.Column("project_id", sa.Text(), nullable=True),
        sa.Column("template_name", sa.Text(), nullable=True),
        sa.Column("is_template", sa.Boolean(), nullable=False),
        sa.Column("template_id", sa.Text(), nullable=True),
        sa.Column("base_template_id", sa.Text(), nullable=True),
        sa.Column("deployment_id", sa.Text(), nullable=True),
        sa.Column("entity_id", sa.Text(), nullable=True),
        sa.Column("preserve_on_migration", sa.Boolean(), nullable=True),
        sa.Column("label", sa.Text(), nullable=True),
        sa.Column("read_only", sa.Boolean(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("metadata", columns.Json(), nullable=True),
        sa.Column("hidden", sa.Boolean(), nullable=True),
        sa.Column("tags", columns.Json(), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "id"),
    )
    op.create_index("blocks_by_label", "blocks", ["organization_id", "label", "id"], unique=False)
    op.create_index(
        "blocks_by_run",
        "blocks",
        ["organization_id", "origin_run_id"],
        unique=False,
        sqlite_where=sa.text("origin_run_id IS NOT NULL"),
        postgresql_where=sa.text("origin_run_id IS NOT NULL"),
    )


def _blocks_identities() -> None:
    op.create_table(
        "blocks_identities",
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("identity_id", sa.Text(), nullable=False),
        sa.Column("block_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "identity_id", "block_id"),
    )
    op.create_index(
        "blocks_identities_back", "blocks_identities", ["organization_id", "block_id", "identity_id"], unique=False
    )


def _file_chunks() -> None:
    op.create_table(
        "file_chunks",
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("created_at", columns.Moment(), nullable=False),
        sa.Column("updated_at", columns.Moment(), nullable=False),
        sa.Column("created_by_id", sa.Text(), nullable=True),
        sa.Column("last_updated_by_id", sa.Text(), nullable=True),
        sa.Column("folder_id", sa.Text(), nullable=False),
        sa.Column("file_id", sa.Text(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("start_line", sa.BigInteger(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("indexed", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "id"),
    )
    op.create_index("file_chunks_by_file", "file_chunks", ["organization_id", "file_id", "position"], unique=True)
    op.create_index(
        "file_chunks_by_folder", "file_chunks", ["organization_id", "folder_id", "created_at", "id"], unique=False
    )
    op.create_index(
        "file_chunks_unindexed",
        "file_chunks",
        ["organization_id", "folder_id", "file_id", "position"],
        unique=False,
        sqlite_where=sa.text("NOT indexed"),
        postgresql_where=sa.text("NOT indexed"),
    )


def _file_uploads() -> None:
    op.create_table(
        "file_uploads",
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("file_id", sa.Text(), nullable=False),
        sa.Column("bytes", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "file_id"),
    )


def _files() -> None:
    op.create_table(
        "files",
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("created_at", columns.Moment(), nullable=False),
        sa.Column("updated_at", columns.Moment(), nullable=False),
        sa.Column("created_by_id", sa.Text(), nullable=True),
        sa.Column("last_updated_by_id", sa.Text(), nullable=True),
        sa.Column("folder_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("original_name", sa.Text(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("error_message", sa.Text(), nullable=True),
        sa.Column("total_chunks", sa.BigInteger(), nullable=True),
        sa.Column("chunks_embedded", sa.BigInteger(), nullable=True),
        sa.Column("is_settled", sa.Boolean(), nullable=False),
        sa.Column("tries", sa.BigInteger(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=True),
        sa.Column("leased_until", columns.Moment(), nullable=True),
        sa.Column("moved_at", columns.Moment(), nullable=False),
        sa.Column("was_cancelled", sa.Boolean(), nullable=False),
        sa.Column("is_job_gone", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "id"),
    )
    op.create_index("files_by_name", "files", ["organization_id", "folder_id", "name"], unique=True)
    op.create_index("files_by_time", "files", ["organization_id", "folder_id", "created_at", "id"], unique=False)
    op.create_index(
        "files_to_do",
        "files",
        ["status", "moved_at"],
        unique=False,
        sqlite_where=sa.text("NOT is_settled"),
        postgresql_where=sa.text("NOT is_settled"),
    )


def _folders() -> None:
    op.create_table(
        "folders",
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("created_at", columns.Moment(), nullable=False),
        sa.Column("updated_at", columns.Moment(), nullable=False),
        sa.Column("created_by_id", sa.Text(), nullable=True),
        sa.Column("last_updated_by_id", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("instructions", sa.Text(), nullable=True),
        sa.Column("metadata", columns.Json(), nullable=True),
        sa.Column("embedding", sa.Text(), nullable=True),
        sa.Column("embedding_config", columns.Json(), nullable=True),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "id"),
    )
    op.create_index("folders_by_name", "folders", ["organization_id", "name"], unique=True)
    op.create_index("folders_by_time", "folders", ["organization_id", "created_at", "id"], unique=False)


def _forgettings() -> None:
    op.create_table(
        "forgettings",
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("created_at", columns.Moment(), nullable=False),
        sa.Column("updated_at", columns.Moment(), nullable=False),
        sa.Column("created_by_id", sa.Text(), nullable=True),
        sa.Column("last_updated_by_id", sa.Text(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("shared", sa.Boolean(), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("scope", columns.Json(), nullable=False),
        sa.Column("erased", columns.Json(), nullable=False),
        sa.Column("kept", columns.Json(), nullable=False),
        sa.Column("erased_at", columns.Moment(), nullable=True),
        sa.Column("done_at", columns.Moment(), nullable=True),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.Column("audit_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "id"),
    )
    op.create_index("forgettings_by_change", "forgettings", ["updated_at"], unique=False)
    op.create_index("forgettings_by_time", "forgettings", ["organization_id", "created_at", "id"], unique=False)


def _identities() -> None:
    op.create_table(
        "identities",
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("created_at", columns.Moment(), nullable=False),
        sa.Column("updated_at", columns.Moment(), nullable=False),
        sa.Column("created_by_id", sa.Text(), nullable=True),
        sa.Column("last_updated_by_id", sa.Text(), nullable=True),
        sa.Column("identifier_key", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("identity_type", sa.Text(), nullable=False),
        sa.Column("project_id", sa.Text(), nullable=True),
        sa.Column("properties", columns.Json(), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "id"),
    )
    op.create_index(
        "identities_by_key",
        "identities",
        ["organization_id", "identifier_key", sa.literal_column("coalesce(project_id, '')")],
        unique=True,
    )


def _installation() -> None:
    op.create_table(
        "installation",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )


def _mcp_grants() -> None:
    op.create_table(
        "mcp_grants",
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("created_at", columns.Moment(), nullable=False),
        sa.Column("updated_at", columns.Moment(), nullable=False),
        sa.Column("created_by_id", sa.Text(), nullable=True),
        sa.Column("last_updated_by_id", sa.Text(), nullable=True),
        sa.Column("server_url", sa.Text(), nullable=False),
        sa.Column("mcp_server_id", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("verifier", cipher.EncryptedText(), nullable=False),
        sa.Column("redirect_uri", sa.Text(), nullable=False),
        sa.Column("token_endpoint", sa.Text(), nullable=False),
        sa.Column("resource", sa.Text(), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("client_secret", cipher.EncryptedText(), nullable=True),
        sa.Column("access_token", cipher.EncryptedText(), nullable=True),
        sa.Column("refresh_token", cipher.EncryptedText(), nullable=True),
        sa.Column("expires_at", columns.Moment(), nullable=True),
        sa.Column("by_administrator", sa.Boolean(), nullable=False),
        sa.Column("failure", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("organization_id", "id"),
    )
    op.create_index("mcp_grants_by_server", "mcp_grants", ["organization_id", "mcp_server_id"], unique=False)
    op.create_index("mcp_grants_by_state", "mcp_grants", ["organization_id", "state"], unique=True)


def _mcp_servers() -> None:
    op.create_table(
        "mcp_servers",
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("created_at", columns.Moment(), nullable=False),
        sa.Column("updated_at", columns.Moment(), nullable=False),
        sa.Column("created_by_id", sa.Text(), nullable=True),
        sa.Column("last_updated_by_id", sa.Text(), nullable=True),
        sa.Column("server_url", columns.Json(), nullable=True),
        sa.Column("auth_header", columns.Json(), nullable=True),
        sa.Column("auth_token", cipher.EncryptedText(), nullable=True),
        sa.Column("custom_headers", cipher.EncryptedText(), nullable=True),
        sa.Column("command", columns.Json(), nullable=True),
        sa.Column("args", columns.Json(), nullable=True),
        sa.Column("env", cipher.EncryptedText(), nullable=True),
        sa.Column("server_name", sa.Text(), nullable=False),
        sa.Column("server_type", sa.Text(), nullable=False),
        sa.Column("by_administrator", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "id"),
    )
    op.create_index("mcp_servers_by_name", "mcp_servers", ["organization_id", "server_name"], unique=True)


def _messages() -> None:
    op.create_table(
        "messages",
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("created_at", columns.Moment(), nullable=False),
        sa.Column("updated_at", columns.Moment(), nullable=False),
        sa.Column("created_by_id", sa.Text(), nullable=True),
        sa.Column("last_updated_by_id", sa.Text(), nullable=True),
        sa.Column("agent_id", sa.Text(), nullable=False),
        sa.Column("thread_id", sa.Text(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("content", columns.Json(), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("otid", sa.Text(), nullable=True),
        sa.Column("sender_id", sa.Text(), nullable=True),
        sa.Column("group_id", sa.Text(), nullable=True),
        sa.Column("batch_item_id", sa.Text(), nullable=True),
        sa.Column("model", sa.Text(), nullable=True),
        sa.Column("step_id", sa.Text(), nullable=True),
        sa.Column("run_id", sa.Text(), nullable=True),
        sa.Column("is_err", sa.Boolean(), nullable=True),
        sa.Column("is_indexed", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "id"),
    )
    op.create_index("messages_by_agent", "messages", ["organization_id", "agent_id", "sequence"], unique=False)
    op.create_index("messages_by_run", "messages", ["organization_id", "run_id", "sequence"], unique=False)
    op.create_index("messages_by_sequence", "messages", ["organization_id", "sequence"], unique=False)
    op.create_index("messages_by_thread", "messages", ["organization_id", "thread_id", "sequence"], unique=False)
    op.create_index(
        "messages_not_indexed",
        "messages",
        ["organization_id", "agent_id", "sequence"],
        unique=False,
        sqlite_where=sa.text("NOT is_indexed"),
        postgresql_where=sa.text("NOT is_indexed"),
    )


def _organizations() -> None:
    op.create_table(
        "organizations",
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("created_at", columns.Moment(), nullable=False),
        sa.Column("updated_at", columns.Moment(), nullable=False),
        sa.Column("created_by_id", sa.Text(), nullable=True),
        sa.Column("last_updated_by_id", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("privileged_tools", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "id"),
    )


def _passage_versions() -> None:
    op.create_table(
        "passage_versions",
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("created_at", columns.Moment(), nullable=False),
        sa.Column("updated_at", columns.Moment(), nullable=False),
        sa.Column("created_by_id", sa.Text(), nullable=True),
        sa.Column("last_updated_by_id", sa.Text(), nullable=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("back_to", sa.BigInteger(), nullable=True),
        sa.Column("run_id", sa.Text(), nullable=True),
        sa.Column("step_id", sa.Text(), nullable=True),
        sa.Column("tool_call_id", sa.Text(), nullable=True),
        sa.Column("agent_id", sa.Text(), nullable=True),
        sa.Column("key_id", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("passage_id", sa.Text(), nullable=False),
        sa.Column("archive_id", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("tags", columns.Json(), nullable=False),
        sa.Column("metadata", columns.Json(), nullable=False),
        sa.Column("is_deleted", sa.Boolean(), nullable=False),
        sa.Column("superseded_by", sa.Text(), nullable=True),
        sa.Column("superseded_at", columns.Moment(), nullable=True),
        sa.PrimaryKeyConstraint("organization_id", "id"),
    )
    op.create_index("passage_versions_by_archive", "passage_versions", ["organization_id", "archive_id"], unique=False)
    op.create_index(
        "passage_versions_by_passage", "passage_versions", ["organization_id", "passage_id", "version"], unique=True
    )
    op.create_index(
        "passage_versions_by_run",
        "passage_versions",
        ["organization_id", "run_id"],
        unique=False,
        sqlite_where=sa.text("run_id IS NOT NULL"),
        postgresql_where=sa.text("run_id IS NOT NULL"),
    )


def _passages() -> None:
    op.create_table(
        "passages",
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("created_at", columns.Moment(), nullable=False),
        sa.Column("updated_at", columns.Moment(), nullable=False),
        sa.Column("created_by_id", sa.Text(), nullable=True),
        sa.Column("last_updated_by_id", sa.Text(), nullable=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("origin_run_id", sa.Text(), nullable=True),
        sa.Column("origin_step_id", sa.Text(), nullable=True),
        sa.Column("origin_call_id", sa.Text(), nullable=True),
        sa.Column("origin_key_id", sa.Text(), nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("tags", columns.Json(), nullable=False),
        sa.Column("metadata", columns.Json(), nullable=False),
        sa.Column("archive_id", sa.Text(), nullable=False),
        sa.Column("is_deleted", sa.Boolean(), nullable=False),
        sa.Column("superseded_by", sa.Text(), nullable=True),
        sa.Column("superseded_at", columns.Moment(), nullable=True),
        sa.Column("stored_at", columns.Moment(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("indexed", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "id"),
    )
    op.create_index("passages_by_position", "passages", ["organization_id", "archive_id", "position"], unique=True)
    op.create_index("passages_by_time", "passages", ["organization_id", "archive_id", "created_at", "id"], unique=False)
    op.create_index(
        "passages_by_run",
        "passages",
        ["organization_id", "origin_run_id"],
        unique=False,
        sqlite_where=sa.text("origin_run_id IS NOT NULL"),
        postgresql_where=sa.text("origin_run_id IS NOT NULL"),
    )
    op.create_index(
        "passages_superseded",
        "passages",
        ["organization_id", "archive_id"],
        unique=False,
        sqlite_where=sa.text("superseded_at IS NOT NULL"),
        postgresql_where=sa.text("superseded_at IS NOT NULL"),
    )
    op.create_index(
        "passages_unindexed",
        "passages",
        ["organization_id", "archive_id", "position"],
        unique=False,
        sqlite_where=sa.text("NOT indexed"),
        postgresql_where=sa.text("NOT indexed"),
    )


def _processes() -> None:
    op.create_table(
        "processes",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("expires_at", columns.Moment(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )


def _providers() -> None:
    op.create_table(
        "providers",
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("created_at", columns.Moment(), nullable=False),
        sa.Column("updated_at", columns.Moment(), nullable=False),
        sa.Column("created_by_id", sa.Text(), nullable=True),
        sa.Column("last_updated_by_id", sa.Text(), nullable=True),
        sa.Column("api_key", cipher.EncryptedText(), nullable=False),
        sa.Column("access_key", cipher.EncryptedText(), nullable=True),
        sa.Column("region", columns.Json(), nullable=True),
        sa.Column("base_url", columns.Json(), nullable=True),
        sa.Column("api_version", columns.Json(), nullable=True),
        sa.Column("provider_type", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("by_administrator", sa.Boolean(), nullable=False),
        sa.Column("listed", columns.Json(), nullable=False),
        sa.Column("last_synced", columns.Moment(), nullable=True),
        sa.PrimaryKeyConstraint("organization_id", "id"),
    )
    op.create_index("providers_by_name", "providers", ["organization_id", "name"], unique=True)


def _run_events() -> None:
    op.create_table(
        "run_events",
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.Column("mark", sa.Text(), nullable=False),
        sa.Column("created_at", columns.Moment(), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "run_id", "seq"),
    )
    op.create_index("run_events_by_time", "run_events", ["created_at"], unique=False)


def _runs() -> None:
    op.create_table(
        "runs",
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("created_at", columns.Moment(), nullable=False),
        sa.Column("updated_at", columns.Moment(), nullable=False),
        sa.Column("created_by_id", sa.Text(), nullable=True),
        sa.Column("last_updated_by_id", sa.Text(), nullable=True),
        sa.Column("agent_id", sa.Text(), nullable=False),
        sa.Column("thread_id", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("completed_at", columns.Moment(), nullable=True),
        sa.Column("background", sa.Boolean(), nullable=False),
        sa.Column("base_template_id", sa.Text(), nullable=True),
        sa.Column("metadata", columns.Json(), nullable=False),
        sa.Column("request_config", columns.Json(), nullable=True),
        sa.Column("stop_reason", sa.Text(), nullable=True),
        sa.Column("callback_url", sa.Text(), nullable=True),
        sa.Column("callback_sent_at", columns.Moment(), nullable=True),
        sa.Column("callback_status_code", sa.BigInteger(), nullable=True),
        sa.Column("callback_error", sa.Text(), nullable=True),
        sa.Column("ttft_ns", sa.BigInteger(), nullable=True),
        sa.Column("total_duration_ns", sa.BigInteger(), nullable=True),
        sa.Column("memory_used", columns.Json(), nullable=False),
        sa.Column("input", columns.Json(), nullable=False),
        sa.Column("num_steps", sa.BigInteger(), nullable=False),
        sa.Column("started_at", columns.Moment(), nullable=True),
        sa.Column("project_id", sa.Text(), nullable=True),
        sa.Column("owner", sa.Text(), nullable=True),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("deaths", sa.BigInteger(), nullable=False),
        sa.Column("request", columns.Json(), nullable=True),
        sa.Column("request_key", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("organization_id", "id"),
    )
    op.create_index("runs_by_agent", "runs", ["organization_id", "agent_id", "created_at"], unique=False)
    op.create_index("runs_by_owner", "runs", ["owner"], unique=False)
    op.create_index("runs_by_request", "runs", ["organization_id", "thread_id", "request_key"], unique=False)
    op.create_index("runs_by_thread", "runs", ["organization_id", "thread_id", "status", "created_at"], unique=False)
    op.create_index("runs_by_time", "runs", ["organization_id", "created_at"], unique=False)


def _sandbox_configs() -> None:
    op.create_table(
        "sandbox_configs",
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("created_at", columns.Moment(), nullable=False),
        sa.Column("updated_at", columns.Moment(), nullable=False),
        sa.Column("created_by_id", sa.Text(), nullable=True),
        sa.Column("last_updated_by_id", sa.Text(), nullable=True),
        sa.Column("config", columns.Json(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "id"),
    )
    op.create_index("sandbox_configs_by_type", "sandbox_configs", ["organization_id", "type"], unique=True)


def _sandbox_variables() -> None:
    op.create_table(
        "sandbox_variables",
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("created_at", columns.Moment(), nullable=False),
        sa.Column("updated_at", columns.Moment(), nullable=False),
        sa.Column("created_by_id", sa.Text(), nullable=True),
        sa.Column("last_updated_by_id", sa.Text(), nullable=True),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("value", cipher.EncryptedText(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("sandbox_config_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "id"),
    )
    op.create_index("sandbox_variables_by_key", "sandbox_variables", ["organization_id", "key"], unique=True)


def _search_entries() -> None:
    op.create_table(
        "search_entries",
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("item_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("corpus", sa.Text(), nullable=False),
        sa.Column("thread", sa.Text(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("speaker", sa.Text(), nullable=True),
        sa.Column("terms", sa.LargeBinary(), nullable=False),
        sa.Column("vectors", sa.LargeBinary(), nullable=True),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("wants", sa.Text(), nullable=False),
        sa.Column("by_default", sa.Boolean(), nullable=False),
        sa.Column("is_gone", sa.Boolean(), nullable=False),
        sa.Column("stamp", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "item_id"),
    )
    op.create_index("search_entries_by_corpus", "search_entries", ["organization_id", "corpus", "stamp"], unique=False)
    op.create_index("search_entries_by_kind", "search_entries", ["organization_id", "kind", "stamp"], unique=False)
    op.create_index("search_entries_by_model", "search_entries", ["by_default", "wants"], unique=False)
    op.create_index(
        "search_entries_pending",
        "search_entries",
        ["organization_id", "corpus", "stamp"],
        unique=False,
        sqlite_where=sa.text("model != wants"),
        postgresql_where=sa.text("model != wants"),
    )


def _search_stamps() -> None:
    op.create_table(
        "search_stamps",
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("stamp", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "kind"),
    )


def _search_workers() -> None:
    op.create_table(
        "search_workers",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("until", columns.Moment(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )


def _sequences() -> None:
    op.create_table(
        "sequences",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )


def _steps() -> None:
    op.create_table(
        "steps",
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("created_at", columns.Moment(), nullable=False),
        sa.Column("updated_at", columns.Moment(), nullable=False),
        sa.Column("created_by_id", sa.Text(), nullable=True),
        sa.Column("last_updated_by_id", sa.Text(), nullable=True),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("agent_id", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=True),
        sa.Column("provider_id", sa.Text(), nullable=True),
        sa.Column("provider_name", sa.Text(), nullable=True),
        sa.Column("provider_category", sa.Text(), nullable=True),
        sa.Column("model", sa.Text(), nullable=True),
        sa.Column("model_handle", sa.Text(), nullable=True),
        sa.Column("model_endpoint", sa.Text(), nullable=True),
        sa.Column("context_window_limit", sa.BigInteger(), nullable=True),
        sa.Column("prompt_tokens", sa.BigInteger(), nullable=True),
        sa.Column("completion_tokens", sa.BigInteger(), nullable=True),
        sa.Column("total_tokens", sa.BigInteger(), nullable=True),
        sa.Column("cached_input_tokens", sa.BigInteger(), nullable=True),
        sa.Column("cache_write_tokens", sa.BigInteger(), nullable=True),
        sa.Column("reasoning_tokens", sa.BigInteger(), nullable=True),
        sa.Column("stop_reason", sa.Text(), nullable=True),
        sa.Column("tags", columns.Json(), nullable=False),
        sa.Column("tid", sa.Text(), nullable=True),
        sa.Column("trace_id", sa.Text(), nullable=True),
        sa.Column("request_id", sa.Text(), nullable=True),
        sa.Column("feedback", sa.Text(), nullable=True),
        sa.Column("project_id", sa.Text(), nullable=True),
        sa.Column("error_type", sa.Text(), nullable=True),
        sa.Column("error_data", columns.Json(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("step_start_ns", sa.BigInteger(), nullable=True),
        sa.Column("llm_request_start_ns", sa.BigInteger(), nullable=True),
        sa.Column("llm_request_ns", sa.BigInteger(), nullable=True),
        sa.Column("tool_execution_ns", sa.BigInteger(), nullable=True),
        sa.Column("step_ns", sa.BigInteger(), nullable=True),
        sa.Column("tools_used", columns.Json(), nullable=False),
        sa.Column("request", columns.Json(), nullable=True),
        sa.Column("response", columns.Json(), nullable=True),
        sa.PrimaryKeyConstraint("organization_id", "id"),
    )
    op.create_index("steps_by_agent", "steps", ["organization_id", "agent_id", "created_at"], unique=False)
    op.create_index("steps_by_run", "steps", ["organization_id", "run_id", "created_at"], unique=False)
    op.create_index("steps_by_time", "steps", ["organization_id", "created_at"], unique=False)


def _threads() -> None:
    op.create_table(
        "threads",
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("created_at", columns.Moment(), nullable=False),
        sa.Column("updated_at", columns.Moment(), nullable=False),
        sa.Column("created_by_id", sa.Text(), nullable=True),
        sa.Column("last_updated_by_id", sa.Text(), nullable=True),
        sa.Column("agent_id", sa.Text(), nullable=False),
        sa.Column("ancestors", columns.Json(), nullable=False),
        sa.Column("prompt_id", sa.Text(), nullable=False),
        sa.Column("prompt_digest", sa.Text(), nullable=False),
        sa.Column("window_start", sa.BigInteger(), nullable=False),
        sa.Column("summary_id", sa.Text(), nullable=True),
        sa.Column("window_ids", columns.Json(), nullable=True),
        sa.Column("isolated_block_ids", columns.Json(), nullable=False),
        sa.Column("summary", sa.Text(), nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("model", sa.Text(), nullable=True),
        sa.Column("model_settings", columns.Json(), nullable=True),
        sa.Column("context_window_limit", sa.BigInteger(), nullable=True),
        sa.Column("hidden", sa.Boolean(), nullable=False),
        sa.Column("archived_at", columns.Moment(), nullable=True),
        sa.Column("deleted_at", columns.Moment(), nullable=True),
        sa.Column("last_message_at", columns.Moment(), nullable=True),
        sa.Column("last_run_completion", columns.Moment(), nullable=True),
        sa.Column("external_key", sa.Text(), nullable=True),
        sa.Column("lease_owner", sa.Text(), nullable=True),
        sa.Column("lease_run_id", sa.Text(), nullable=True),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "id"),
    )
    op.create_index("threads_by_agent", "threads", ["organization_id", "agent_id", "created_at"], unique=False)
    op.create_index("threads_by_key", "threads", ["organization_id", "agent_id", "external_key"], unique=True)


def _tools() -> None:
    op.create_table(
        "tools",
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("created_at", columns.Moment(), nullable=False),
        sa.Column("updated_at", columns.Moment(), nullable=False),
        sa.Column("created_by_id", sa.Text(), nullable=True),
        sa.Column("last_updated_by_id", sa.Text(), nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("source_type", sa.Text(), nullable=True),
        sa.Column("tags", columns.Json(), nullable=False),
        sa.Column("source_code", sa.Text(), nullable=True),
        sa.Column("json_schema", columns.Json(), nullable=True),
        sa.Column("args_json_schema", columns.Json(), nullable=True),
        sa.Column("return_char_limit", sa.BigInteger(), nullable=False),
        sa.Column("pip_requirements", columns.Json(), nullable=True),
        sa.Column("npm_requirements", columns.Json(), nullable=True),
        sa.Column("default_requires_approval", sa.Boolean(), nullable=True),
        sa.Column("enable_parallel_execution", sa.Boolean(), nullable=True),
        sa.Column("tool_type", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("metadata_", columns.Json(), nullable=True),
        sa.Column("project_id", sa.Text(), nullable=True),
        sa.Column("revision", sa.Text(), nullable=True),
        sa.Column("mcp_server_id", sa.Text(), nullable=True),
        sa.Column("mcp_name", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("organization_id", "id"),
    )
    op.create_index("tools_by_mcp_server", "tools", ["organization_id", "mcp_server_id"], unique=False)
    op.create_index("tools_by_name", "tools", ["organization_id", "name"], unique=True)


def _users() -> None:
    op.create_table(
        "users",
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("created_at", columns.Moment(), nullable=False),
        sa.Column("updated_at", columns.Moment(), nullable=False),
        sa.Column("created_by_id", sa.Text(), nullable=True),
        sa.Column("last_updated_by_id", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "id"),
    )
    op.create_index("users_id", "users", ["id"], unique=True)
