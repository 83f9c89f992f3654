{{/* One endpoint of a ServiceMonitor or PodMonitor; both have the same fields. */}}
{{- define "memc-kv.endpoint" -}}
- port: metrics
  path: /metrics
  {{- with .interval }}
  interval: {{ . }}
  {{- end }}
  {{- with .scrapeTimeout }}
  scrapeTimeout: {{ . }}
  {{- end }}
  {{- if .honorLabels }}
  honorLabels: true
  {{- end }}
  {{- $relabelings := .relabelings }}
  {{- if .namespacedJob }}
  {{- $relabelings = prepend $relabelings (dict
    "sourceLabels" (list "namespace" "job") "separator" "/" "targetLabel" "job") }}
  {{- end }}
  {{- with $relabelings }}
  relabelings:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .metricRelabelings }}
  metricRelabelings:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}

{{/* What selects the metrics Service, and no other. */}}
{{- define "memc-kv.metricsSelector" -}}
app.kubernetes.io/name: {{ include "memc-kv.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: metrics
{{- end -}}

{{/*
The groups of files/rules.yaml with the values' changes. Recording rules stay as they are: alerts and
the dashboard read them.
*/}}
{{- define "memc-kv.ruleGroups" -}}
{{- $values := .Values.metrics.prometheusRule -}}
{{- $known := dict -}}
{{- $groups := list -}}
{{- range (.Files.Get "files/rules.yaml" | fromYaml).groups -}}
{{- $rules := list -}}
{{- range .rules -}}
{{- if .alert -}}{{- $_ := set $known .alert true -}}{{- end -}}
{{- if not (and .alert (has .alert $values.disabledAlerts)) -}}
{{- $rules = append $rules (include "memc-kv.rule" (dict "rule" . "values" $values) | fromYaml) -}}
{{- end -}}
{{- end -}}
{{- if $rules -}}
{{- $groups = append $groups (dict "name" .name "rules" $rules) -}}
{{- end -}}
{{- end -}}
{{- range concat $values.disabledAlerts (keys $values.overrides | sortAlpha) -}}
{{- if not (hasKey $known .) -}}
{{- fail (printf "metrics.prometheusRule: there is no alert %s; there are %s" . (keys $known | sortAlpha | join ", ")) -}}
{{- end -}}
{{- end -}}
{{- concat $groups $values.additionalGroups | toYaml -}}
{{- end -}}

{{- define "memc-kv.rule" -}}
{{- $rule := deepCopy .rule -}}
{{- if $rule.alert -}}
{{- $override := default dict (get .values.overrides $rule.alert) -}}
{{- range list "expr" "for" -}}
{{- if hasKey $override . -}}{{- $_ := set $rule . (get $override .) -}}{{- end -}}
{{- end -}}
{{- $severity := dict -}}
{{- if hasKey $override "severity" -}}{{- $_ := set $severity "severity" $override.severity -}}{{- end -}}
{{- $_ := set $rule "labels" (mergeOverwrite (dict) $rule.labels .values.alertLabels $severity) -}}
{{- $section := regexFind "#.*$" $rule.annotations.runbook_url -}}
{{- $_ := set $rule.annotations "runbook_url" (printf "%s%s" .values.runbookUrl $section) -}}
{{- end -}}
{{- $rule | toYaml -}}
{{- end -}}
