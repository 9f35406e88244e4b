#compdef outriggerctl outrigger
# SPDX-License-Identifier: Apache-2.0
# Made by "outriggerctl completion zsh" from the tables of the programs; do not edit.
_outrigger()
{
        _arguments \
            '(-c --config)'{-c+,--config=}'[run with this config file; - is standard input]:FILE:_files' \
            '(-t --check)'{-t,--check}'[check the config and exit\: 0 good, 1 bad, 2 wrong use of options; with --check=strict a warning is bad too]' \
            '--check=strict[check the config and exit\: 0 good, 1 bad, 2 wrong use of options; with --check=strict a warning is bad too]' \
            '--format=[with --check\: how problems are told; json is for editors and CI jobs]:text|json:(text json)' \
            '--listen=[without a file\: accept clients here, as 127.0.0.1\:8080, \:8080 or unix\:/path]:ADDR: ' \
            '--backend=[without a file\: send calls there, as 127.0.0.1\:50051; may be repeated]:TARGET: ' \
            '--workers=[threads that carry calls, in place of the file'\''s workers]:N: ' \
            '--admin=[where metrics are served, or off, in place of the file'\''s admin.listen]:ADDR: ' \
            '--log-level=[error, warn, info or debug, in place of the file'\''s log.level]:LEVEL: ' \
            '--demo[backends, proxy and load in one process, on loopback only]' \
            '--for=[end the demo after this time, as 30s]:TIME: ' \
            '--print-config[with -c or --demo\: print the config with all defaults and its secrets; alone\: a commented file to start from]' \
            '--print-schema[print the JSON Schema of the config, for editors]' \
            '--explain=[explain a config key, as pools.connections.connectTimeout, or an error code, as E0107]:KEY: ' \
            '(-V --version)'{-V,--version}'[print the version; -VV also of the libraries]' \
            '(-h --help)'{-h,--help}'[print this text]'
}
_outriggerctl()
{
    local curcontext=$curcontext state line
    local -a commands
    if [[ $service == outrigger ]]; then
        _outrigger
        return
    fi
    commands=(
        'status:one screen\: whether all is well, and what is not'
        'top:what happens now, live\: rates, times, pools, endpoints, methods'
        'pools:pools, their endpoints and why each gets calls or not'
        'routes:routes of each listener and the pools they lead to'
        'explain-call:which route and endpoints a call would get, and why'
        'why:the last calls that failed, each with the reason in a sentence'
        'tail:calls as they end, one JSON object per line'
        'certs:certificates, who uses them and when they expire'
        'config:which config is in force, and what the last reload said'
        'log-level:how much is logged, and another level for a while'
        'bundle:all of it as one tar file for a bug report, without secrets'
        'check:everything that is wrong with a config file, without a running proxy'
        'reload:load the config again; prints what changed, or why not'
        'drain:send the clients of inbound listeners elsewhere; the process stays'
        'undrain:take that back'
        'endpoint:take one endpoint out of its pool, or put it back'
        'health:ask a gRPC server whether it serves, as grpc_health_probe does'
        'completion:print the completions of a shell for outriggerctl and outrigger'
    )
    _arguments -C \
            '(-a --admin)'{-a+,--admin=}'[admin port of the running outrigger\: IP\:PORT or unix\:/path (default 127.0.0.1\:9901)]:ADDRESS: ' \
            '(-h --help)'{-h,--help}'[print what it does and its options]' \
            '(-V --version)'{-V,--version}'[print the version]' \
            '1: :->command' '*:: :->rest' && return
    case $state in
    command) _describe -t commands command commands ;;
    rest)
        case $words[1] in
        status) _arguments \
            '--json[the same as JSON, for scripts]' \
            '(-a --admin)'{-a+,--admin=}'[admin port of the running outrigger\: IP\:PORT or unix\:/path (default 127.0.0.1\:9901)]:ADDRESS: ' \
            '(-h --help)'{-h,--help}'[print what it does and its options]' \
            '(-V --version)'{-V,--version}'[print the version]' ;;
        top) _arguments \
            '--once[print it one time and end, with all rows]' \
            '--endpoints[begin with endpoints]' \
            '--methods[begin with methods]' \
            '--json[print the object of /stats.json one time, for scripts]' \
            '(-a --admin)'{-a+,--admin=}'[admin port of the running outrigger\: IP\:PORT or unix\:/path (default 127.0.0.1\:9901)]:ADDRESS: ' \
            '(-h --help)'{-h,--help}'[print what it does and its options]' \
            '(-V --version)'{-V,--version}'[print the version]' ;;
        pools) _arguments \
            '--json[the same as JSON, for scripts]' \
            '(-a --admin)'{-a+,--admin=}'[admin port of the running outrigger\: IP\:PORT or unix\:/path (default 127.0.0.1\:9901)]:ADDRESS: ' \
            '(-h --help)'{-h,--help}'[print what it does and its options]' \
            '(-V --version)'{-V,--version}'[print the version]' ;;
        routes) _arguments \
            '--json[the same as JSON, for scripts]' \
            '(-a --admin)'{-a+,--admin=}'[admin port of the running outrigger\: IP\:PORT or unix\:/path (default 127.0.0.1\:9901)]:ADDRESS: ' \
            '(-h --help)'{-h,--help}'[print what it does and its options]' \
            '(-V --version)'{-V,--version}'[print the version]' ;;
        explain-call) _arguments \
            '--method=[what the call calls, as /pkg.Service/Method]:METHOD: ' \
            '--listener=[the listener; not needed when there is only one]:NAME: ' \
            '--authority=[host that the client calls]:HOST: ' \
            '*--header=[a header of the call; may be given often]:NAME=VALUE: ' \
            '*--san=[a name in the client'\''s verified certificate\: a URI, an email address or a DNS name; may be given often]:NAME: ' \
            '--json[the same as JSON, for scripts]' \
            '(-a --admin)'{-a+,--admin=}'[admin port of the running outrigger\: IP\:PORT or unix\:/path (default 127.0.0.1\:9901)]:ADDRESS: ' \
            '(-h --help)'{-h,--help}'[print what it does and its options]' \
            '(-V --version)'{-V,--version}'[print the version]' ;;
        why) _arguments \
            '--method=[calls whose path has this in it]:TEXT: ' \
            '--code=[calls that ended with this code\: Unavailable, UNAVAILABLE or 14]:CODE: ' \
            '--reason=[calls that the proxy refused for this reason, as NO_ROUTE]:WORD: ' \
            '--pool=[calls to this pool]:NAME: ' \
            '--endpoint=[calls to this endpoint]:ADDRESS: ' \
            '--listener=[calls of this listener]:NAME: ' \
            '(-n --lines)'{-n+,--lines=}'[so many kinds of calls at most, from 1 to 1000 (default 20)]:N: ' \
            '--json[the same as JSON, for scripts]' \
            '(-a --admin)'{-a+,--admin=}'[admin port of the running outrigger\: IP\:PORT or unix\:/path (default 127.0.0.1\:9901)]:ADDRESS: ' \
            '(-h --help)'{-h,--help}'[print what it does and its options]' \
            '(-V --version)'{-V,--version}'[print the version]' ;;
        tail) _arguments \
            '--method=[calls whose path has this in it]:TEXT: ' \
            '--code=[calls that ended with this code\: Unavailable, UNAVAILABLE or 14]:CODE: ' \
            '--reason=[calls that the proxy refused for this reason, as NO_ROUTE]:WORD: ' \
            '--pool=[calls to this pool]:NAME: ' \
            '--endpoint=[calls to this endpoint]:ADDRESS: ' \
            '--listener=[calls of this listener]:NAME: ' \
            '--slow=[calls that took so long at least, for example 500ms]:TIME: ' \
            '(-n --lines)'{-n+,--lines=}'[end after so many lines]:N: ' \
            '(-a --admin)'{-a+,--admin=}'[admin port of the running outrigger\: IP\:PORT or unix\:/path (default 127.0.0.1\:9901)]:ADDRESS: ' \
            '(-h --help)'{-h,--help}'[print what it does and its options]' \
            '(-V --version)'{-V,--version}'[print the version]' ;;
        certs) _arguments \
            '--json[the same as JSON, for scripts]' \
            '(-a --admin)'{-a+,--admin=}'[admin port of the running outrigger\: IP\:PORT or unix\:/path (default 127.0.0.1\:9901)]:ADDRESS: ' \
            '(-h --help)'{-h,--help}'[print what it does and its options]' \
            '(-V --version)'{-V,--version}'[print the version]' ;;
        config) _arguments \
            '--print[print the configuration in force itself]' \
            '--json[the same as JSON, for scripts]' \
            '(-a --admin)'{-a+,--admin=}'[admin port of the running outrigger\: IP\:PORT or unix\:/path (default 127.0.0.1\:9901)]:ADDRESS: ' \
            '(-h --help)'{-h,--help}'[print what it does and its options]' \
            '(-V --version)'{-V,--version}'[print the version]' ;;
        log-level) _arguments \
            '--for=[go back by itself after this time, from 1s to 24h]:TIME: ' \
            '(-a --admin)'{-a+,--admin=}'[admin port of the running outrigger\: IP\:PORT or unix\:/path (default 127.0.0.1\:9901)]:ADDRESS: ' \
            '(-h --help)'{-h,--help}'[print what it does and its options]' \
            '(-V --version)'{-V,--version}'[print the version]' \
            '1:error|warn|info|debug:(error warn info debug)' ;;
        bundle) _arguments \
            '(-o --output)'{-o+,--output=}'[write it there; - is standard output (default outrigger-bundle-TIME.tar in this folder)]:FILE:_files' \
            '(-a --admin)'{-a+,--admin=}'[admin port of the running outrigger\: IP\:PORT or unix\:/path (default 127.0.0.1\:9901)]:ADDRESS: ' \
            '(-h --help)'{-h,--help}'[print what it does and its options]' \
            '(-V --version)'{-V,--version}'[print the version]' ;;
        check) _arguments \
            '--strict[a warning is bad too]' \
            '--json[as JSON, for editors and CI jobs]' \
            '(-h --help)'{-h,--help}'[print what it does and its options]' \
            '(-V --version)'{-V,--version}'[print the version]' \
            '1:FILE:_files' ;;
        reload) _arguments \
            '(-a --admin)'{-a+,--admin=}'[admin port of the running outrigger\: IP\:PORT or unix\:/path (default 127.0.0.1\:9901)]:ADDRESS: ' \
            '(-h --help)'{-h,--help}'[print what it does and its options]' \
            '(-V --version)'{-V,--version}'[print the version]' ;;
        drain) _arguments \
            '--wait[until no inbound connection is left, or drain.delay and drain.timeout are over (default)]' \
            '--no-wait[only ask for it, for example in a preStop hook]' \
            '(-a --admin)'{-a+,--admin=}'[admin port of the running outrigger\: IP\:PORT or unix\:/path (default 127.0.0.1\:9901)]:ADDRESS: ' \
            '(-h --help)'{-h,--help}'[print what it does and its options]' \
            '(-V --version)'{-V,--version}'[print the version]' ;;
        undrain) _arguments \
            '(-a --admin)'{-a+,--admin=}'[admin port of the running outrigger\: IP\:PORT or unix\:/path (default 127.0.0.1\:9901)]:ADDRESS: ' \
            '(-h --help)'{-h,--help}'[print what it does and its options]' \
            '(-V --version)'{-V,--version}'[print the version]' ;;
        endpoint) _arguments \
            '(-a --admin)'{-a+,--admin=}'[admin port of the running outrigger\: IP\:PORT or unix\:/path (default 127.0.0.1\:9901)]:ADDRESS: ' \
            '(-h --help)'{-h,--help}'[print what it does and its options]' \
            '(-V --version)'{-V,--version}'[print the version]' \
            '*:disable|enable POOL ADDRESS:(disable enable)' ;;
        health) _arguments \
            '--addr=[where to ask\: HOST\:PORT, \:PORT for this host, unix\:/path (default 127.0.0.1\:9902)]:ADDRESS: ' \
            '--service=[the service to ask for; at outrigger'\''s probe port liveness, readiness, startup or pool/NAME (default\: the whole server)]:NAME: ' \
            '--connect-timeout=[for the connection (default 1s)]:TIME: ' \
            '--rpc-timeout=[for the answer (default 1s)]:TIME: ' \
            '*--rpc-header=[a header of the call, as "name\: value"; may be given often]:HEADER: ' \
            '--user-agent=[how the call names us (default outriggerctl)]:TEXT: ' \
            '--tls[with TLS; the certificate is verified]' \
            '--tls-ca-cert=[the CAs that count (default\: those of the system)]:FILE:_files' \
            '--tls-client-cert=[our own certificate]:FILE:_files' \
            '--tls-client-key=[its key]:FILE:_files' \
            '--tls-server-name=[whom the certificate must be for (default\: the host of --addr)]:NAME: ' \
            '--tls-no-verify[any certificate is good\: for tests]' \
            '--v[tell what is done, and when]' \
            '(-h --help)'{-h,--help}'[print what it does and its options]' \
            '(-V --version)'{-V,--version}'[print the version]' ;;
        completion) _arguments \
            '(-h --help)'{-h,--help}'[print what it does and its options]' \
            '(-V --version)'{-V,--version}'[print the version]' \
            '1:bash|zsh|fish:(bash zsh fish)' ;;
        esac ;;
    esac
}
# Loaded by the shell when it is needed, or by "source".
if [[ $funcstack[1] == _outriggerctl ]]; then
    _outriggerctl "$@"
else
    compdef _outriggerctl outriggerctl
    compdef _outrigger outrigger
fi
