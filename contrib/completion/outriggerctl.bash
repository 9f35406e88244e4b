# SPDX-License-Identifier: Apache-2.0
# Made by "outriggerctl completion bash" from the tables of the programs; do not edit.
# shellcheck shell=bash
_outriggerctl()
{
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}
    local command='' words='' files='' i
    COMPREPLY=()
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
        --method|--listener|--authority|--header|--san|--method|--code|--reason|--pool|--endpoint|--listener|-n|--lines|--method|--code|--reason|--pool|--endpoint|--listener|--slow|-n|--lines|--for|-o|--output|--addr|--service|--connect-timeout|--rpc-timeout|--rpc-header|--user-agent|--tls-ca-cert|--tls-client-cert|--tls-client-key|--tls-server-name|-a|--admin) ((i++)) ;;
        -*) ;;
        *) command=${COMP_WORDS[i]}; break ;;
        esac
    done
    case $command in
    '') words="status top pools routes explain-call why tail certs config log-level bundle check reload drain undrain endpoint health completion --admin --help --version" ;;
    status) words="--json --admin --help --version" ;;
    top) words="--once --endpoints --methods --json --admin --help --version" ;;
    pools) words="--json --admin --help --version" ;;
    routes) words="--json --admin --help --version" ;;
    explain-call) words="--method --listener --authority --header --san --json --admin --help --version" ;;
    why) words="--method --code --reason --pool --endpoint --listener --lines --json --admin --help --version" ;;
    tail) words="--method --code --reason --pool --endpoint --listener --slow --lines --admin --help --version" ;;
    certs) words="--json --admin --help --version" ;;
    config) words="--print --json --admin --help --version" ;;
    log-level) words="error warn info debug --for --admin --help --version" ;;
    bundle) words="--output --admin --help --version" ;;
    check) words="--strict --json --help --version" files=1 ;;
    reload) words="--admin --help --version" ;;
    drain) words="--wait --no-wait --admin --help --version" ;;
    undrain) words="--admin --help --version" ;;
    endpoint) words="disable enable --admin --help --version" ;;
    health) words="--addr --service --connect-timeout --rpc-timeout --rpc-header --user-agent --tls --tls-ca-cert --tls-client-cert --tls-client-key --tls-server-name --tls-no-verify --v --help --version" ;;
    completion) words="bash zsh fish --help --version" ;;
    esac
    case $command,$before in
    explain-call,--method) words="" files= ;;
    explain-call,--listener) words="" files= ;;
    explain-call,--authority) words="" files= ;;
    explain-call,--header) words="" files= ;;
    explain-call,--san) words="" files= ;;
    why,--method) words="" files= ;;
    why,--code) words="" files= ;;
    why,--reason) words="" files= ;;
    why,--pool) words="" files= ;;
    why,--endpoint) words="" files= ;;
    why,--listener) words="" files= ;;
    why,-n|why,--lines) words="" files= ;;
    tail,--method) words="" files= ;;
    tail,--code) words="" files= ;;
    tail,--reason) words="" files= ;;
    tail,--pool) words="" files= ;;
    tail,--endpoint) words="" files= ;;
    tail,--listener) words="" files= ;;
    tail,--slow) words="" files= ;;
    tail,-n|tail,--lines) words="" files= ;;
    log-level,--for) words="" files= ;;
    bundle,-o|bundle,--output) files=1 words= ;;
    health,--addr) words="" files= ;;
    health,--service) words="" files= ;;
    health,--connect-timeout) words="" files= ;;
    health,--rpc-timeout) words="" files= ;;
    health,--rpc-header) words="" files= ;;
    health,--user-agent) words="" files= ;;
    health,--tls-ca-cert) files=1 words= ;;
    health,--tls-client-cert) files=1 words= ;;
    health,--tls-client-key) files=1 words= ;;
    health,--tls-server-name) words="" files= ;;
    *,-a|*,--admin) words="" files= ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
    if [ -n "$files" ] && [ "${word#-}" = "$word" ]; then
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
    fi
}
_outrigger()
{
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}
    local files='' words="--config --check --check=strict --format --listen --backend --workers --admin --log-level --demo --for --print-config --print-schema --explain --version --help"
    COMPREPLY=()
    case ,$before in
    ,-c|,--config) files=1 words= ;;
    ,--format) words="text json" files= ;;
    ,--listen) words="" files= ;;
    ,--backend) words="" files= ;;
    ,--workers) words="" files= ;;
    ,--admin) words="" files= ;;
    ,--log-level) words="" files= ;;
    ,--for) words="" files= ;;
    ,--explain) words="" files= ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
    if [ -n "$files" ] && [ "${word#-}" = "$word" ]; then
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
    fi
}
complete -F _outriggerctl outriggerctl
complete -F _outrigger outrigger
