# Runs cells of bash for sandbox.run_code, one after the other in one shell, inside the sandbox.
# README.md says how it speaks with the server. Each cell is sourced: what it declares stays, and `return` in
# the trap ends it when it is interrupted.
exec {__acloud_link}<>"/dev/tcp/127.0.0.1/$1"
printf '%s\n' "$2" >&"$__acloud_link"
set --
trap : INT

__acloud_read() {
  local LC_ALL=C
  IFS= read -r -N "$1" -u "$__acloud_link" __acloud_body
}

declare -A __acloud_before
while IFS=' ' read -r -u "$__acloud_link" __acloud_kind __acloud_size; do
  __acloud_body=
  if ((__acloud_size > 0)); then __acloud_read "$__acloud_size" || exit 0; fi
  if [[ $__acloud_kind == v ]]; then
    __acloud_name=${__acloud_body%%=*}
    __acloud_before[$__acloud_name]=${!__acloud_name+=${!__acloud_name}}
    export "$__acloud_name=${__acloud_body#*=}"
    continue
  fi
  trap 'return 130' INT
  exec {__acloud_code}< <(printf '%s\n' "$__acloud_body")
  . "/dev/fd/$__acloud_code"
  __acloud_status=$?
  trap : INT
  exec {__acloud_code}<&-
  for __acloud_name in "${!__acloud_before[@]}"; do
    if [[ ${__acloud_before[$__acloud_name]} == =* ]]; then
      export "$__acloud_name${__acloud_before[$__acloud_name]}"
    else
      unset "$__acloud_name"
    fi
  done
  __acloud_before=()
  __acloud_answer='{}'
  if ((__acloud_status != 0)); then
    __acloud_answer="{\"name\":\"ExitCode\",\"value\":\"$__acloud_status\",\"traceback\":\"\"}"
  fi
  printf 'd%s\n' "$__acloud_answer" >&"$__acloud_link"
done
exit 0
