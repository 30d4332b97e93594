"""The functions with which shells ask distgen what a word may be."""

BASH = """\
_distgen_completion() {
    local IFS=$'\\n' lines
    lines=($(COMP_LINE="${COMP_LINE:0:COMP_POINT}" COMP_WORDBREAKS="$COMP_WORDBREAKS" \\
        _DISTGEN_COMPLETE=bash_complete "$1" 2>/dev/null))
    case "${lines[0]-}" in
        :file) compopt -o default; COMPREPLY=();;
        :dir) compopt -o dirnames; COMPREPLY=();;
        *) COMPREPLY=("${lines[@]}");;
    esac
    [[ "${COMPREPLY[0]-}" != *[/=:] ]] || compopt -o nospace
}
complete -F _distgen_completion distgen
"""
ZSH = """\
#compdef distgen
_distgen_completion() {
    local -a lines words_only
    lines=("${(@f)$(COMP_LINE="${(j: :)words[1,CURRENT]}" _DISTGEN_COMPLETE=zsh_complete \\
        "${words[1]}" 2>/dev/null)}")
    case "${lines[1]}" in
        '') return 1;;
        :file) _files; return;;
        :dir) _files -/; return;;
    esac
    words_only=("${(@)lines%%$'\\t'*}")
    lines=("${(@)lines/$'\\t'/  -- }")
    if [[ "${words_only[1]}" == *[/=:] ]]; then
        compadd -S '' -l -d lines -- "${words_only[@]}"
    else
        compadd -l -d lines -- "${words_only[@]}"
    fi
}
compdef _distgen_completion distgen
"""
FISH = """\
function _distgen_completion
    set -l lines (COMP_LINE=(commandline -cp) _DISTGEN_COMPLETE=fish_complete distgen 2>/dev/null)
    switch "$lines[1]"
        case ':file' ':dir'
            __fish_complete_path (commandline -ct)
        case '*'
            printf '%s\\n' $lines
    end
end
complete -c distgen -f -a '(_distgen_completion)'
"""
SCRIPTS = {"bash": BASH, "zsh": ZSH, "fish": FISH}
