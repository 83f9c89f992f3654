{{- define "memc-kv.ipFamilies" -}}
{{- with .Values.service.ipFamilyPolicy }}
ipFamilyPolicy: {{ . | quote }}
{{- end }}
{{- with .Values.service.ipFamilies }}
ipFamilies:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* Port of the collector: the given, that of the endpoint, or that of its scheme. */}}
{{- define "memc-kv.collectorPort" -}}
{{- $url := urlParse .Values.tracing.endpoint -}}
{{- $port := regexFind ":[0-9]+$" $url.host | trimPrefix ":" -}}
{{- if gt (int64 .Values.networkPolicy.collectorPort) 0 -}}
{{- $port = int64 .Values.networkPolicy.collectorPort | toString -}}
{{- end -}}
{{- default (ternary "443" "80" (eq $url.scheme "https")) $port -}}
{{- end -}}
