{{/*
The server's file. What other values of the chart decide comes last and wins; values.schema.json keeps
it out of settings, so that nothing is given twice.
*/}}
{{- define "memc-kv.config" -}}
{{- $memory := div (include "memc-kv.cacheBytes" . | int64) 1048576 -}}
{{- $item := div (include "memc-kv.bytes" (dict "value" .Values.cache.maxItemSize "name" "cache.maxItemSize") | int64) 1024 -}}
{{- $shutdown := .Values.shutdown -}}
{{- $own := dict
  "listen" (dict "port" 6001)
  "memory" (dict "limit" (printf "%dmb" $memory))
  "items" (dict "maxSize" (printf "%dkb" $item))
  "connections" (dict "max" (int64 .Values.cache.connections))
  "workers" (dict "count" (int64 .Values.cache.workers))
  "sidecar" (dict "port" 9150)
  "traces" (dict "enabled" (ternary "on" "off" .Values.tracing.enabled))
  "shutdown" (dict
    "delay" (printf "%ds" (include "memc-kv.shutdownDelay" . | int64))
    "drain" (printf "%ds" (int64 $shutdown.drain))
    "grace" (printf "%ds" (int64 $shutdown.grace))) -}}
{{- if .Values.auth.enabled -}}
{{- $_ := set $own "auth" (dict "file" "/etc/memc-kv/auth/users") -}}
{{- end -}}
{{- mergeOverwrite (deepCopy .Values.settings) $own | toYaml -}}
{{- end -}}

{{/* A running cache follows memory.limit (cache_memlimit), so a change of it alone replaces no pod. */}}
{{- define "memc-kv.configChecksum" -}}
{{- $config := include "memc-kv.config" . | fromYaml -}}
{{- $_ := unset $config.memory "limit" -}}
{{- $config | toJson | sha256sum -}}
{{- end -}}

{{/* Before Kubernetes 1.30 a container cannot sleep before SIGTERM without a shell: the server waits instead. */}}
{{- define "memc-kv.preStopSeconds" -}}
{{- ternary .Values.shutdown.preStop 0 (eq (include "memc-kv.kubernetes" (dict "root" . "version" "1.30")) "true") | int64 -}}
{{- end -}}

{{- define "memc-kv.shutdownDelay" -}}
{{- $moved := sub (int64 .Values.shutdown.preStop) (include "memc-kv.preStopSeconds" . | int64) -}}
{{- add (int64 .Values.shutdown.delay) $moved -}}
{{- end -}}

{{/* All that happens between the end of a pod being asked for and its last connection being cut. */}}
{{- define "memc-kv.shutdownSeconds" -}}
{{- $s := .Values.shutdown -}}
{{- add (int64 $s.preStop) (int64 $s.delay) (int64 $s.drain) (int64 $s.grace) -}}
{{- end -}}

{{- define "memc-kv.gracePeriod" -}}
{{- $given := int64 .Values.shutdown.terminationGracePeriodSeconds -}}
{{- ternary (add 10 (include "memc-kv.shutdownSeconds" . | int64)) $given (eq $given 0) -}}
{{- end -}}

{{- define "memc-kv.minReadySeconds" -}}
{{- if eq (toString .Values.minReadySeconds) "auto" -}}
{{- ternary 30 0 (eq .Values.topology "sharded") -}}
{{- else -}}
{{- int64 .Values.minReadySeconds -}}
{{- end -}}
{{- end -}}
