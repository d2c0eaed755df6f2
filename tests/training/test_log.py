"""The log of a run that is continued."""

from dmljax import run_folder
from dmljax.training import log


def test_a_log_that_is_gone_or_cut_is_told(tmp_path):
    path = tmp_path / run_folder.LOG
    path.write_text("1\n2\n")
    before = run_folder.digest(path.read_bytes())
    assert log.lost_lines(tmp_path, before, 2) == "" == log.lost_lines(tmp_path, "", 2)
    path.write_text("2\n")
    assert log.lost_lines(tmp_path, before, 2).endswith("had logged until step 2: lines of it are lost")
    path.unlink()
    gone = f"'{path}' is gone: what the run had logged until step 2 is lost"
    assert log.lost_lines(tmp_path, before, 2) == gone
