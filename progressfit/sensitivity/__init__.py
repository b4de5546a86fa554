"""What drives an answer, and what the data cannot say: each doubt a section of sentences, tables and pictures."""

from progressfit.sensitivity.base import Question, Section, ask
from progressfit.sensitivity.page import Outcome, page_text, run_section, sections, write_page

__all__ = ["Outcome", "Question", "Section", "ask", "page_text", "run_section", "sections", "write_page"]
