import ArgumentParser

/// A shell that Lathe completes in.
enum Shell: String, CaseIterable, ExpressibleByArgument {
  case bash, zsh, fish

  /// The script that the shell reads. It asks `lathe __complete`, and lists files by the shell's own means.
  var script: String {
    switch self {
    case .bash: Self.bashScript
    case .zsh: Self.zshScript
    case .fish: Self.fishScript
    }
  }

  private static let bashScript = #"""
    # Completion of lathe in bash.

    _lathe() {
        local IFS=$' \t\n'
        local program=${COMP_WORDS[0]/#\~/$HOME} kind text rest line ending part=
        type -P "$program" >/dev/null || program=lathe
        COMPREPLY=()
        while IFS= read -r line; do
            kind=${line%%$'\t'*} line=${line#*$'\t'}
            text=${line%%$'\t'*}
            case $kind in
                word) COMPREPLY+=("$text") ;;
                part) COMPREPLY+=("$text") part=1 ;;
                files | folders)
                    rest=${line#*$'\t'} rest=${rest%%$'\t'*}
                    type compopt &>/dev/null && compopt -o filenames
                    while IFS= read -r line; do
                        if [[ -d ${line/#\~/$HOME} ]]; then
                            COMPREPLY+=("$line")
                        elif [[ $kind = files && -z $text ]]; then
                            COMPREPLY+=("$line")
                        elif [[ $kind = files ]]; then
                            for ending in $text; do
                                [[ $line = *."$ending" ]] && COMPREPLY+=("$line") && break
                            done
                        fi
                    done < <(compgen -f -- "$rest")
                    ;;
            esac
        done < <("$program" __complete bash "$COMP_WORDBREAKS" "${COMP_LINE:0:COMP_POINT}" 2>/dev/null)
        if [[ -n $part && ${#COMPREPLY[@]} -eq 1 ]]; then
            type compopt &>/dev/null && compopt -o nospace
        fi
    }

    complete -o nosort -F _lathe lathe 2>/dev/null || complete -F _lathe lathe
    """#

  private static let zshScript = #"""
    #compdef lathe

    _lathe() {
        local program=${(Q)words[1]/#\~/$HOME} line text about
        local -a fields names parts files
        (( $+commands[$program] )) || [[ -x $program ]] || program=lathe
        for line in "${(@f)$("$program" __complete zsh "${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null)}"; do
            fields=("${(@ps:\t:)line}")
            text=${fields[2]//:/\\:}
            about=${fields[4]:+:$fields[4]}
            case $fields[1] in
                word) names+=("$text$about") ;;
                part) parts+=("$text$about") ;;
                files | folders) files=("${(@)fields}") ;;
            esac
        done
        local -i status_=1
        (( $#names )) && _describe -V 'lathe' names && status_=0
        (( $#parts )) && _describe -V 'lathe' parts -S '' && status_=0
        if (( $#files )); then
            [[ -n $files[3] ]] && compset -P '--*='
            if [[ $files[1] = folders ]]; then
                _files -/ && status_=0
            elif [[ -n $files[2] ]]; then
                _files -g "*.${files[2]// / *.}" && status_=0
            else
                _files && status_=0
            fi
        fi
        return status_
    }

    if [[ $funcstack[1] = _lathe ]]; then
        _lathe "$@"
    else
        compdef _lathe lathe
    fi
    """#

  private static let fishScript = #"""
    # Completion of lathe in fish.

    function __lathe_complete
        set -l words (commandline -opc)
        set -l current (commandline -ct)
        set -l program (string replace -r '^~' $HOME -- $words[1])
        command -q -- $program; or set program lathe
        for line in (command $program __complete fish $words[2..-1] "$current" 2>/dev/null)
            set -l fields (string split \t -- $line)
            switch $fields[1]
                case word part
                    printf '%s\t%s\n' $fields[2] $fields[4]
                case files folders
                    set -l path (string sub -s (math (string length -- "$fields[3]") + 1) -- "$current")
                    set -l endings (string replace -a . '\.' -- $fields[2] | string split ' ')
                    set -l wanted '/$'
                    if test $fields[1] = files
                        set wanted '(?:/|\.(?:'(string join '|' -- $endings)'))$'
                        test -z "$fields[2]"; and set wanted .
                    end
                    for found in (complete -C "__lathe_no_such_command $path" | string replace -r '\t.*' '' | string match -r -e -- $wanted)
                        printf '%s\n' $fields[3]$found
                    end
            end
        end
    end

    complete -c lathe -e
    complete -c lathe -f -k -a '(__lathe_complete)'
    """#
}
