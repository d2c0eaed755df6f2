"""How the site is built: `make docs`; parts of its pages are made from the code by `generated.py`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import docstrings
import generated
import mathml

import dmljax

project = "dmljax"
author = "the authors of dmljax"
version = release = dmljax.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_copybutton"]
smartquotes = False  # --flags and quoted names are meant as they stand
highlight_language = "none"
default_role = "code"  # docstrings write names in single backticks

html_theme = "furo"
html_title = "dmljax"
pygments_dark_style = "github-dark"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_show_sphinx = False
html_show_copyright = False
html_copy_source = False

myst_enable_extensions = ["deflist", "dollarmath"]
html_math_renderer = "mathml"
myst_heading_anchors = 4

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False

nitpicky = True
# Types in signatures that are other packages', or ours under the name of the file that has them.
nitpick_ignore_regex = [("py:(class|obj|data)", r".*")]

copybutton_prompt_text = ">>> |... |$ "
copybutton_prompt_is_regexp = True


def setup(app):
    app.add_html_math_renderer("mathml", (mathml.inline, None), (mathml.block, None))
    app.connect("source-read", generated.fill)
    app.connect("autodoc-process-docstring", docstrings.tidy, priority=400)  # before napoleon
    app.connect("doctree-resolved", docstrings.dashes)
