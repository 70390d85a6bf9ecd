#!/usr/bin/env bash
# Writes what `unplugin-onnx diff` prints into the job summary, and the path of a copy into the step's outputs.
# Ends as the command does: 3 where a size budget is exceeded.
set -uo pipefail

arguments=()
if [[ -n "${MODELS:-}" ]]; then arguments+=(--model "$MODELS"); fi
arguments+=(-- "$BASE")
if [[ -n "${HEAD:-}" ]]; then arguments+=("$HEAD"); fi

# A checkout is shallow by default: the base of a pull request is one commit that has to be fetched.
if [[ "$BASE" =~ ^[0-9a-f]{40}$ ]] && ! git cat-file -e "$BASE^{commit}" 2>/dev/null; then
  git fetch --quiet --no-tags --depth=1 origin "$BASE"
fi

markdown="${RUNNER_TEMP:?}/unplugin-onnx-diff.md"
npx --no-install unplugin-onnx diff "${arguments[@]}" >"$markdown"
code=$?
# A failure before the table is in the log of the step.
if [[ -s "$markdown" ]]; then
  { printf '## ONNX models\n\n'; cat "$markdown"; } >>"${GITHUB_STEP_SUMMARY:?}"
  printf 'markdown=%s\n' "$markdown" >>"${GITHUB_OUTPUT:?}"
fi
exit $code
