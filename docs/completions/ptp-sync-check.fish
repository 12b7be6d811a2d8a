complete -c ptp-sync-check -l max-offset -d 'Offset within which the clock is in sync [env: MAX_OFFSET] [default: 100us]' -r
complete -c ptp-sync-check -l offset-threshold -d 'Hysteresis around it [env: OFFSET_THRESHOLD] [default: 20us]' -r
complete -c ptp-sync-check -l sync-age -d 'Oldest measurement that counts [env: SYNC_AGE] [default: 10m]' -r
complete -c ptp-sync-check -l holdover -d 'How long the last good one serves in a loss [env: HOLDOVER] [default: the sync age]' -r
complete -c ptp-sync-check -l settle -d 'How long all must be good to enter sync [env: SETTLE] [default: 0]' -r
complete -c ptp-sync-check -l offset-window -d 'Judge the median over this, not the newest [env: OFFSET_WINDOW] [default: 0]' -r
complete -c ptp-sync-check -l namespace -d 'Namespace of the linuxptp-daemon pods [env: PTP_NAMESPACE] [default: openshift-ptp]' -r
complete -c ptp-sync-check -l marker -d 'Marker file [default: /run/ptp/insync]' -r -F
complete -c ptp-sync-check -l log -d 'Read this log, - for standard input [default: found below /var/log/pods]' -r -F
complete -c ptp-sync-check -l root -d 'Look for logs, report and marker below DIR [default: /]' -r -F
complete -c ptp-sync-check -l now -d 'Decide as of then, in RFC 3339' -r
complete -c ptp-sync-check -l uptime -d 'Seconds since boot, to go with --now' -r
complete -c ptp-sync-check -s o -l output -d 'Print the report as text or json' -r -f -a "text\t'For people'
json\t'For programs'"
complete -c ptp-sync-check -s n -l dry-run -d 'Explain the decision, change nothing'
complete -c ptp-sync-check -l exit-code -d 'Exit with 3 when out of sync'
complete -c ptp-sync-check -s v -l verbose -d 'Print the report after a real run, too'
complete -c ptp-sync-check -s h -l help -d 'Print help'
complete -c ptp-sync-check -s V -l version -d 'Print version'
