# Completion of claviger(1) for fish. Names come from the server when a session exists; every failure is silent.

function __claviger_ask
    command claviger --timeout 2 $argv </dev/null 2>/dev/null
end

# The words of the command line that are neither options nor their values.
function __claviger_words
    set -l flags --password-stdin --code-stdin --with-password --no-qr --no-keyring --names-only --yes --trim-newline \
        --paths-only --allow-unsafe-names --hsm --any-vault --activate --watch --link --creator --passphrase --passphrase-stdin \
        --inbound --version --help -h
    set -l skip 0
    for word in (commandline -opc)[2..-1]
        if test $skip -eq 1
            set skip 0
        else if string match -q -- '-*' $word
            contains -- $word $flags; or set skip 1
        else
            echo -- $word
        end
    end
end

# True if the words so far begin with these, and `-n COUNT` further ones followed.
function __claviger_at
    argparse 'n=' -- $argv
    set -l words (__claviger_words)
    set -l depth (count $argv)
    if test $depth -gt 0
        test "$words[1..$depth]" = "$argv"; or return 1
    end
    set -q _flag_n; or return 0
    test (count $words) -eq (math $depth + $_flag_n)
end

function __claviger_vaults
    __claviger_ask vault list --names-only
end

function __claviger_secrets
    __claviger_ask secret list --paths-only -- (__claviger_words)[3]
end

complete -c claviger -f

complete -c claviger -s h -l help -d 'Print help'
complete -c claviger -n '__claviger_at -n 0' -l version -d 'Print the version'
complete -c claviger -l url -x -d 'The server'
complete -c claviger -l ca-file -r -F -d 'Trust these authorities'
complete -c claviger -l timeout -x -d 'Seconds a request may take'
complete -c claviger -l output -x -a 'text json' -d 'Format of results'

complete -c claviger -n '__claviger_at -n 0' -a signup -d 'Create an account and log in'
complete -c claviger -n '__claviger_at -n 0' -a verify-email -d 'Make the account that a mailed code stands for'
complete -c claviger -n '__claviger_at -n 0' -a login -d 'Log in and store the session'
complete -c claviger -n '__claviger_at -n 0' -a logout -d 'Revoke the token and remove the session'
complete -c claviger -n '__claviger_at -n 0' -a whoami -d 'Show who is logged in'
complete -c claviger -n '__claviger_at -n 0' -a mfa -d 'Log in with a second factor'
complete -c claviger -n '__claviger_at -n 0' -a api-key -d 'Create, list and revoke keys of your own'
complete -c claviger -n '__claviger_at -n 0' -a agent -d 'Create, list, change and deactivate agents'
complete -c claviger -n '__claviger_at -n 0' -a vault -d 'Create, list, show and delete vaults'
complete -c claviger -n '__claviger_at -n 0' -a secret -d 'Store, read, list and delete secrets'
complete -c claviger -n '__claviger_at -n 0' -a policy -d 'Say who may touch which secrets'
complete -c claviger -n '__claviger_at -n 0' -a share -d 'Let others read a secret'
complete -c claviger -n '__claviger_at -n 0' -a cmek -d 'Keep values under a key of your own'
complete -c claviger -n '__claviger_at -n 0' -a run -d 'Run a program with secrets'
complete -c claviger -n '__claviger_at -n 0' -a rotate -d 'Give a vault a new key'
complete -c claviger -n '__claviger_at -n 0' -a audit -d 'Read, export and verify the audit log'
complete -c claviger -n '__claviger_at -n 0' -a org -d 'Manage the people of the organisation'
complete -c claviger -n '__claviger_at -n 0' -a ip-rule -d 'Say from which addresses one may come'
complete -c claviger -n '__claviger_at -n 0' -a health -d 'Ask the server how it is'
complete -c claviger -n '__claviger_at -n 0' -a completion -d 'Print a completion script'
complete -c claviger -n '__claviger_at -n 0' -a version -d 'Print the version'

for command in signup login
    complete -c claviger -n "__claviger_at $command" -l email -x -d 'The account'
    complete -c claviger -n "__claviger_at $command" -l password-file -r -F -d 'Read the password from this file'
    complete -c claviger -n "__claviger_at $command" -l password-stdin -d 'Read the password from standard input'
end
complete -c claviger -n '__claviger_at login' -l no-qr -d 'Draw no QR code'
complete -c claviger -n '__claviger_at login' -l no-keyring -d 'Keep the refresh token in session.json, not in the keyring'
complete -c claviger -n '__claviger_at login' -l password -d 'Log in here, with address and password'
complete -c claviger -n '__claviger_at signup' -l display-name -x -d 'How others see you'

complete -c claviger -n '__claviger_at -n 0 mfa' -a 'status setup confirm disable'
complete -c claviger -n '__claviger_at mfa setup' -l no-qr -d 'Print the otpauth URI in place of a QR code'
for command in login verify-email 'mfa confirm' 'mfa disable'
    complete -c claviger -n "__claviger_at $command" -l code-file -r -F -d 'Read the code from this file'
    complete -c claviger -n "__claviger_at $command" -l code-stdin -d 'Read the code from standard input'
end
complete -c claviger -n '__claviger_at mfa disable' -l with-password -d 'Ask for the password in place of a code'
complete -c claviger -n '__claviger_at mfa disable' -l password-file -r -F -d 'Read the password from this file'
complete -c claviger -n '__claviger_at mfa disable' -l password-stdin -d 'Read the password from standard input'
complete -c claviger -n '__claviger_at -n 0 api-key' -a 'create list revoke'
complete -c claviger -n '__claviger_at api-key create' -l scope -x -d 'A label to keep with it'
complete -c claviger -n '__claviger_at api-key revoke' -l yes -d 'Do not ask'

complete -c claviger -n '__claviger_at -n 0 agent' -a 'create enroll list show update deactivate rotate-key token'
for command in create update
    complete -c claviger -n "__claviger_at agent $command" -l description -x -d 'What it is for'
    complete -c claviger -n "__claviger_at agent $command" -l scope -x -d 'A path glob or label'
    complete -c claviger -n "__claviger_at agent $command" -l token-ttl -x -d 'Seconds a token lives at most'
    complete -c claviger -n "__claviger_at agent $command" -l vault -x -a '(__claviger_vaults)' -d 'Bind it to this vault'
end
complete -c claviger -n '__claviger_at agent create' -l auth-method -x -d 'How it proves itself' \
    -a 'api_key mtls oidc_client_credentials'
complete -c claviger -n '__claviger_at agent create' -l client-cert-fingerprint -x -d 'SHA-256 of its certificate'
complete -c claviger -n '__claviger_at agent create' -l oidc-issuer -x -d 'Who vouches for it'
complete -c claviger -n '__claviger_at agent create' -l oidc-client-id -x -d 'Its name there'
complete -c claviger -n '__claviger_at agent enroll' -l email -x -d 'The address of the person'
complete -c claviger -n '__claviger_at agent enroll' -l name -x -d 'Its name'
complete -c claviger -n '__claviger_at agent enroll' -l description -x -d 'What it is for'
complete -c claviger -n '__claviger_at agent update' -l name -x -d 'Another name'
complete -c claviger -n '__claviger_at agent update' -l any-vault -d 'Bind it to no vault any more'
complete -c claviger -n '__claviger_at agent update' -l activate -d 'Undo a deactivation'
complete -c claviger -n '__claviger_at agent deactivate' -l yes -d 'Do not ask'
complete -c claviger -n '__claviger_at agent rotate-key' -l yes -d 'Do not ask'

complete -c claviger -n '__claviger_at -n 0 vault' -a 'create list show delete'
complete -c claviger -n '__claviger_at vault create' -l description -x -d 'What it is for'
complete -c claviger -n '__claviger_at vault list' -l names-only -d 'One name a line'
complete -c claviger -n '__claviger_at -n 0 vault show' -a '(__claviger_vaults)'
complete -c claviger -n '__claviger_at -n 0 vault delete' -a '(__claviger_vaults)'
complete -c claviger -n '__claviger_at vault delete' -l yes -d 'Do not ask'

complete -c claviger -n '__claviger_at -n 0 secret' -a 'put get export list describe delete'
for command in put get export list describe delete
    complete -c claviger -n "__claviger_at -n 0 secret $command" -a '(__claviger_vaults)'
end
for command in put get describe delete
    complete -c claviger -n "__claviger_at -n 1 secret $command" -a '(__claviger_secrets)'
end
complete -c claviger -n '__claviger_at secret put' -l file -r -F -d 'Read the value from this file'
complete -c claviger -n '__claviger_at secret put' -l type -x -d 'Kind of secret' \
    -a 'generic password api_key private_key certificate file note ssh_key env_bundle env'
complete -c claviger -n '__claviger_at secret put' -l metadata -x -d 'JSON object to keep beside the value'
for command in 'api-key create' 'agent create' 'agent update' 'secret put' 'policy create' 'policy update' \
    'share create'
    complete -c claviger -n "__claviger_at $command" -l expires-at -x -d 'When it ends'
    complete -c claviger -n "__claviger_at $command" -l expires-in -x -d 'The same as a time from now'
end
complete -c claviger -n '__claviger_at secret put' -l max-reads -x -d 'How often it may be read'
complete -c claviger -n '__claviger_at secret put' -l trim-newline -d 'Leave out one line end'
complete -c claviger -n '__claviger_at secret get' -l file -r -F -d 'Write to this file'
complete -c claviger -n '__claviger_at secret export' -l format -x -d 'Kind of file' -a 'dotenv shell json docker'
complete -c claviger -n '__claviger_at secret export' -l file -r -F -d 'Write to this file'
complete -c claviger -n '__claviger_at secret list' -l prefix -x -d 'Only paths that begin so'
complete -c claviger -n '__claviger_at secret list' -l paths-only -d 'One path a line'
complete -c claviger -n '__claviger_at secret delete' -l yes -d 'Do not ask'

complete -c claviger -n '__claviger_at -n 0 policy' -a 'create list update delete'
for command in create list update delete
    complete -c claviger -n "__claviger_at -n 0 policy $command" -a '(__claviger_vaults)'
end
complete -c claviger -n '__claviger_at policy create' -l agent -x -d 'For this agent'
complete -c claviger -n '__claviger_at policy create' -l user -x -d 'For this person'
for command in create update
    complete -c claviger -n "__claviger_at policy $command" -l read -d 'Allow reading'
    complete -c claviger -n "__claviger_at policy $command" -l write -d 'Allow writing, and deleting'
    complete -c claviger -n "__claviger_at policy $command" -l delete -d 'Allow deleting'
    complete -c claviger -n "__claviger_at policy $command" -l allow-ip -x -d 'Only from there'
    complete -c claviger -n "__claviger_at policy $command" -l hours -x -d 'Only between these times'
    complete -c claviger -n "__claviger_at policy $command" -l days -x -a 'sun mon tue wed thu fri sat' -d 'Only on these'
    complete -c claviger -n "__claviger_at policy $command" -l timezone -x -d 'Whose clocks count'
end
complete -c claviger -n '__claviger_at policy update' -l no-conditions -d 'At any time, from anywhere'
complete -c claviger -n '__claviger_at policy update' -l no-expiry -d 'It does not end'
complete -c claviger -n '__claviger_at policy delete' -l yes -d 'Do not ask'

complete -c claviger -n '__claviger_at -n 0 share' -a 'create list accept open decline revoke'
complete -c claviger -n '__claviger_at -n 0 share create' -a '(__claviger_vaults)'
complete -c claviger -n '__claviger_at -n 1 share create' -a '(__claviger_secrets)'
complete -c claviger -n '__claviger_at share create' -l link -d 'Whoever has the link'
complete -c claviger -n '__claviger_at share create' -l user -x -d 'A member, by address or id'
complete -c claviger -n '__claviger_at share create' -l agent -x -d 'An agent, by name or id'
complete -c claviger -n '__claviger_at share create' -l email -x -d 'Whoever has this address'
complete -c claviger -n '__claviger_at share create' -l creator -d 'The person who made the agent'
complete -c claviger -n '__claviger_at share create' -l max-reads -x -d 'How often it opens'
complete -c claviger -n '__claviger_at share create' -l allow-ip -x -d 'Opens only from this network'
complete -c claviger -n '__claviger_at share create' -l passphrase -d 'Ask for a passphrase'
for command in 'share create' 'share open'
    complete -c claviger -n "__claviger_at $command" -l passphrase-file -r -F -d 'Read the passphrase from this file'
    complete -c claviger -n "__claviger_at $command" -l passphrase-stdin -d 'Read the passphrase from standard input'
end
complete -c claviger -n '__claviger_at share list' -l inbound -d 'What is shared with you'
complete -c claviger -n '__claviger_at share open' -l file -r -F -d 'Write to this file'
complete -c claviger -n '__claviger_at share decline' -l yes -d 'Do not ask'
complete -c claviger -n '__claviger_at share revoke' -l yes -d 'Do not ask'

complete -c claviger -n '__claviger_at -n 0 cmek' -a 'keygen enable disable rotate status bind release bound'
for command in enable disable rotate status bind release bound
    complete -c claviger -n "__claviger_at -n 0 cmek $command" -a '(__claviger_vaults)'
end
complete -c claviger -n '__claviger_at -n 0 cmek keygen' -F
complete -c claviger -n '__claviger_at cmek enable' -l key-file -r -F -d 'The key'
complete -c claviger -n '__claviger_at cmek enable' -l fingerprint -x -d 'Its fingerprint alone'
complete -c claviger -n '__claviger_at cmek disable' -l yes -d 'Do not ask'
complete -c claviger -n '__claviger_at cmek rotate' -l old-key-file -r -F -d 'The key that the vault has'
complete -c claviger -n '__claviger_at cmek rotate' -l new-key-file -r -F -d 'The key that it gets'
complete -c claviger -n '__claviger_at cmek bind' -l token -x -d 'Label of the token'
complete -c claviger -n '__claviger_at cmek bind' -l key -x -d 'Label of the key on it'
complete -c claviger -n '__claviger_at cmek release' -l yes -d 'Do not ask'
for command in rotate status bind release
    complete -c claviger -n "__claviger_at cmek $command" -l watch -d 'Wait until it is over'
end
for command in 'secret put' 'secret get' 'secret export' run
    complete -c claviger -n "__claviger_at $command" -l cmek-key-file -r -F -d 'A customer-managed key'
end

complete -c claviger -n '__claviger_at run' -l vault -x -a '(__claviger_vaults)' -d 'Name or id'
for command in run 'secret export'
    complete -c claviger -n "__claviger_at $command" -l prefix -x -d 'Only secrets in this folder'
    complete -c claviger -n "__claviger_at $command" -l secret -x -d 'NAME=PATH'
    complete -c claviger -n "__claviger_at $command" -l allow-unsafe-names -d 'Also dangerous variables'
end
complete -c claviger -n '__claviger_at -n 0 run' -a '(__fish_complete_subcommand)'

complete -c claviger -n '__claviger_at -n 0 audit' -a 'list export bundle verify key'
complete -c claviger -n '__claviger_at audit list' -l resource-type -x -d 'Only resources of this type'
complete -c claviger -n '__claviger_at audit list' -l resource-id -x -d 'Only events on this resource'
complete -c claviger -n '__claviger_at audit list' -l actor-id -x -d 'Only events of this actor'
complete -c claviger -n '__claviger_at audit list' -l action -x -d 'Only this action'
complete -c claviger -n '__claviger_at audit list' -l outcome -x -a 'success denied failed unknown' -d 'Only this outcome'
complete -c claviger -n '__claviger_at audit list' -l from -x -d 'Not before this time'
complete -c claviger -n '__claviger_at audit list' -l to -x -d 'Not after this time'
complete -c claviger -n '__claviger_at audit list' -l before -x -d 'Only behind this event'
complete -c claviger -n '__claviger_at audit list' -l limit -x -d 'At most so many'
complete -c claviger -n '__claviger_at audit list' -l offset -x -d 'Skip so many'
complete -c claviger -n '__claviger_at audit export' -l file -r -F -d 'Write to this file'
complete -c claviger -n '__claviger_at audit bundle' -l from -x -d 'Beginning of the period'
complete -c claviger -n '__claviger_at audit bundle' -l to -x -d 'Its end'
complete -c claviger -n '__claviger_at audit bundle' -s o -l file -r -F -d 'Write to this file'
complete -c claviger -n '__claviger_at audit key' -l file -r -F -d 'Write to this file'
complete -c claviger -n '__claviger_at audit verify' -F
complete -c claviger -n '__claviger_at audit verify' -l public-key -r -F -d 'PEM file or JWK set'
complete -c claviger -n '__claviger_at audit verify' -l org -x -d 'Organisation the export must be of'
complete -c claviger -n '__claviger_at audit verify' -l expect-checkpoint -x -d 'NUMBER:HASH it must contain'
complete -c claviger -n '__claviger_at audit verify' -l save-keys -r -F -d 'File for the keys of an export'

complete -c claviger -n '__claviger_at -n 0 org' -a 'members invite role remove'
complete -c claviger -n '__claviger_at org invite' -l role -x -a 'owner admin member auditor' -d 'Of the new member'
complete -c claviger -n '__claviger_at -n 1 org role' -a 'owner admin member auditor'
complete -c claviger -n '__claviger_at org remove' -l yes -d 'Do not ask'

complete -c claviger -n '__claviger_at -n 0 rotate' -a 'vault list show pause resume'
complete -c claviger -n '__claviger_at -n 0 rotate vault' -a '(__claviger_vaults)'
for command in vault show resume
    complete -c claviger -n "__claviger_at rotate $command" -l watch -d 'Wait until it is done'
end

complete -c claviger -n '__claviger_at -n 0 ip-rule' -a 'list add remove'
complete -c claviger -n '__claviger_at -n 0 ip-rule add' -a 'allow deny block'
complete -c claviger -n '__claviger_at ip-rule add' -l applies-to -x -a 'all users agents' -d 'Whom it binds'
complete -c claviger -n '__claviger_at ip-rule add' -l label -x -d 'What it is for'
complete -c claviger -n '__claviger_at ip-rule remove' -l yes -d 'Do not ask'

complete -c claviger -n '__claviger_at health' -l hsm -d 'Ask about the hardware security module'
complete -c claviger -n '__claviger_at -n 0 completion' -a 'bash zsh fish'
