# SPDX-License-Identifier: Apache-2.0
"""Completions in real shells: what each offers where."""
import os
import shutil
import subprocess

import pytest

import env

CTL = env.OUTRIGGER + "ctl"


def script(shell, tmp_path):
    done = subprocess.run([CTL, "completion", shell], capture_output=True, text=True, timeout=20 * env.SLOW)
    assert (done.returncode, done.stderr) == (0, "")
    path = os.path.join(tmp_path, "completion." + shell)
    with open(path, "w") as f:
        f.write(done.stdout)
    return path


def run(tmp_path, *words):
    done = subprocess.run(words, capture_output=True, text=True, timeout=30 * env.SLOW, cwd=tmp_path,
                          env=dict(os.environ, HOME=str(tmp_path)))
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return set(line.split("\t")[0] for line in done.stdout.split("\n") if line)


def bash(tmp_path, *words):
    return run(tmp_path, "bash", "-c", 'source "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _$1; '
               'printf "%s\\n" "${COMPREPLY[@]}"', script("bash", tmp_path), *words)


def fish(tmp_path, *words):
    return run(tmp_path, "fish", "-c", 'source $argv[1]; complete -C "$argv[2]"', script("fish", tmp_path),
               " ".join(words))


@pytest.mark.parametrize("ask", [bash, fish])
def test_what_a_shell_offers(tmp_path, ask):
    if not shutil.which(ask.__name__):
        pytest.skip("no " + ask.__name__)
    (tmp_path / "my.json").write_text("{}")
    assert ask(tmp_path, "outriggerctl", "po") == {"pools"}
    assert {"pools", "drain", "completion"} <= ask(tmp_path, "outriggerctl", "")
    assert ask(tmp_path, "outriggerctl", "drain", "--no") == {"--no-wait"}
    assert ask(tmp_path, "outriggerctl", "-a", "127.0.0.1:1", "unrd") == set()
    assert ask(tmp_path, "outriggerctl", "completion", "z") == {"zsh"}
    assert ask(tmp_path, "outriggerctl", "check", "my") == {"my.json"}
    assert ask(tmp_path, "outrigger", "--format", "") == {"text", "json"}
    assert ask(tmp_path, "outrigger", "--print-s") == {"--print-schema"}
    assert ask(tmp_path, "outrigger", "-c", "m") == {"my.json"}


def test_zsh_loads_it(tmp_path):
    if not shutil.which("zsh"):
        pytest.skip("no zsh")
    path = script("zsh", tmp_path)
    with open(path) as f:
        assert f.readline() == "#compdef outriggerctl outrigger\n"
    run(tmp_path, "zsh", "-f", "-n", path)
    assert {"_outrigger", "_outriggerctl"} <= run(
        tmp_path, "zsh", "-f", "-c", "autoload -U compinit; compinit -u -D; source $1; print -l ${(k)functions}", "zsh", path)


def test_an_unknown_shell():
    done = subprocess.run([CTL, "completion", "csh"], capture_output=True, text=True, timeout=20 * env.SLOW)
    assert done.returncode == 2 and 'not for "csh"' in done.stderr
