# Every script of the project sources this first. It starts the script again without the variables that
# pipeline/environment.list names, and by `bash -p`, which reads no start-up file and takes neither functions nor options
# from the environment.
case $- in
  *p*) ;;
  *)
    gone=$(command awk '
      BEGIN { names["UNSET"] = names["KEEP"] = "nothing" }
      /^(UNSET|KEEP) / { gsub(/%/, ".*", $3); names[$1] = names[$1] "|" $3 }
      END {
        for (name in ENVIRON)
          if (name ~ "^(" names["UNSET"] ")$" && name !~ "^(" names["KEEP"] ")$") print "-u " name
      }' "$(command dirname "${BASH_SOURCE[0]}")/../pipeline/environment.list") || exit
    exec env $gone "$BASH" -p "$0" "$@"
    ;;
esac
