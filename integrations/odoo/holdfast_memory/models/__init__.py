from . import llm_thread as llm_thread
from . import panel as panel
from . import panel_lines as panel_lines
