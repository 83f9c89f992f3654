{{/* One endpoint of a ServiceMonitor or PodMonitor; both have the same fields: (dict "root" $ "monitor" its values) */}}
{{- define "memc-kv.endpoint" -}}
{{- $sidecar := .root.Values.sidecar -}}
- port: metrics
  path: /metrics
  {{- if $sidecar.tls.enabled }}
  scheme: https
  tlsConfig:
    {{- include "memc-kv.endpointTls" .root | nindent 4 }}
  {{- end }}
  {{- with .monitor.interval }}
  interval: {{ . | quote }}
  {{- end }}
  {{- with .monitor.scrapeTimeout }}
  scrapeTimeout: {{ . | quote }}
  {{- end }}
  {{- with $sidecar.tokenSecret }}
  authorization:
    type: Bearer
    credentials:
      name: {{ . | quote }}
      key: {{ $sidecar.tokenKey | quote }}
  {{- end }}
  {{- if .monitor.honorLabels }}
  honorLabels: true
  {{- end }}
  {{- $relabelings := .monitor.relabelings }}
  {{- if .monitor.namespacedJob }}
  {{- $relabelings = prepend $relabelings (dict
    "sourceLabels" (list "namespace" "job") "separator" "/" "targetLabel" "job") }}
  {{- end }}
  {{- with $relabelings }}
  relabelings:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .monitor.metricRelabelings }}
  metricRelabelings:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}

{{/* Whom Prometheus trusts, as whom it asks the address of a pod, and what it shows. */}}
{{- define "memc-kv.endpointTls" -}}
serverName: {{ include "memc-kv.tlsName" . | quote }}
ca:
  secret:
    name: {{ include "memc-kv.sidecarTlsSecret" . | quote }}
    key: ca.crt
{{- with .Values.sidecar.tls.clientSecret }}
cert:
  secret:
    name: {{ . | quote }}
    key: tls.crt
keySecret:
  name: {{ . | quote }}
  key: tls.key
{{- end }}
{{- end -}}

{{/* A duration of Prometheus, such as 1m30s. */}}
{{- define "memc-kv.milliseconds" -}}
{{- $units := dict "ms" 1 "s" 1000 "m" 60000 "h" 3600000 "d" 86400000 -}}
{{- $sum := 0 -}}
{{- range regexFindAll "[0-9]+(ms|s|m|h|d)" . -1 -}}
{{- $number := regexFind "^[0-9]+" . -}}
{{- $sum = add $sum (mul (int64 $number) (get $units (trimPrefix $number .) | int64)) -}}
{{- end -}}
{{- $sum -}}
{{- end -}}

{{/* What selects the metrics Service, and no other. */}}
{{- define "memc-kv.metricsSelector" -}}
app.kubernetes.io/name: {{ include "memc-kv.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/component: metrics
{{- end -}}

{{/*
The groups of files/rules.yaml with the values' changes. Recording rules stay as they are: alerts and
the dashboard read them. An alert is known by its name, and where there are two of that name, by
NAME/SEVERITY too: one expression for both would make the warning and the page one and the same.
*/}}
{{- define "memc-kv.ruleGroups" -}}
{{- $values := .Values.metrics.prometheusRule -}}
{{- $disabled := default list $values.disabledAlerts -}}
{{- $overrides := default dict $values.overrides -}}
{{- $runbook := default (printf "%s/blob/v%s/docs/runbook.md" .Chart.Home .Chart.AppVersion) $values.runbookUrl -}}
{{- $files := (.Files.Get "files/rules.yaml" | fromYaml).groups -}}
{{- $known := dict -}}
{{- range $files -}}{{- range .rules -}}
{{- if .alert -}}
{{- $full := printf "%s/%s" .alert .labels.severity -}}
{{- $_ := set $known .alert (append (default list (get $known .alert)) $full) -}}
{{- $_ := set $known $full (list $full) -}}
{{- end -}}
{{- end -}}{{- end -}}
{{- range concat $disabled (keys $overrides | sortAlpha) -}}
{{- if not (hasKey $known .) -}}
{{- fail (printf "metrics.prometheusRule: there is no alert %s; there are %s" . (keys $known | sortAlpha | join ", ")) -}}
{{- end -}}
{{- end -}}
{{- range $name, $change := $overrides -}}
{{- $meant := get $known $name -}}
{{- if and (gt (len $meant) 1) (or (hasKey $change "expr") (hasKey $change "severity")) -}}
{{- fail (printf "metrics.prometheusRule.overrides: there are %d alerts %s; say which: %s" (len $meant) $name (join " or " $meant)) -}}
{{- end -}}
{{- end -}}
{{- $groups := list -}}
{{- range $files -}}
{{- $rules := list -}}
{{- range .rules -}}
{{- $names := list -}}
{{- if .alert -}}{{- $names = list .alert (printf "%s/%s" .alert .labels.severity) -}}{{- end -}}
{{- $left := true -}}
{{- $change := dict -}}
{{- range $names -}}
{{- if has . $disabled -}}{{- $left = false -}}{{- end -}}
{{- $change = mergeOverwrite $change (deepCopy (default dict (get $overrides .))) -}}
{{- end -}}
{{- if $left -}}
{{- $rule := dict "rule" . "change" $change "labels" (default dict $values.alertLabels) "runbook" $runbook -}}
{{- $rules = append $rules (include "memc-kv.rule" $rule | fromYaml) -}}
{{- end -}}
{{- end -}}
{{- if $rules -}}
{{- $groups = append $groups (dict "name" .name "rules" $rules) -}}
{{- end -}}
{{- end -}}
{{- concat $groups (default list $values.additionalGroups) | toYaml -}}
{{- end -}}

{{- define "memc-kv.rule" -}}
{{- $rule := deepCopy .rule -}}
{{- if $rule.alert -}}
{{- $change := .change -}}
{{- range list "expr" "for" -}}
{{- if hasKey $change . -}}{{- $_ := set $rule . (get $change .) -}}{{- end -}}
{{- end -}}
{{- $severity := dict -}}
{{- if hasKey $change "severity" -}}{{- $_ := set $severity "severity" $change.severity -}}{{- end -}}
{{- $_ := set $rule "labels" (mergeOverwrite (dict) $rule.labels .labels $severity) -}}
{{- $section := regexFind "#.*$" $rule.annotations.runbook_url -}}
{{- $_ := set $rule.annotations "runbook_url" (printf "%s%s" .runbook $section) -}}
{{- end -}}
{{- $rule | toYaml -}}
{{- end -}}
