{{/*
The server's file. It is an annotation of the pod, mounted as a file, and no ConfigMap: so it belongs to the
revision. A pod that stays (OnDelete, partition) must not find the next revision's sizes in its own old
container when that starts anew. What other values of the chart decide comes last and wins; values.schema.json keeps
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
{{- $_ := set $own "auth" (dict (ternary "usersFile" "file" (eq .Values.auth.format "permissions")) "/etc/memc-kv/auth/users") -}}
{{- end -}}
{{- if .Values.sidecar.tokenSecret -}}
{{- $_ := set $own.sidecar "tokenFile" "/etc/memc-kv/sidecar/tokens" -}}
{{- end -}}
{{- if .Values.sidecar.tls.enabled -}}
{{- $_ := set $own.sidecar "tlsCertFile" "/etc/memc-kv/sidecar-tls/tls.crt" -}}
{{- $_ := set $own.sidecar "tlsKeyFile" "/etc/memc-kv/sidecar-tls/tls.key" -}}
{{- if .Values.sidecar.tls.clientAuthoritySecret -}}
{{- $_ := set $own.sidecar "tlsCaFile" "/etc/memc-kv/sidecar-tls/ca.crt" -}}
{{- end -}}
{{- end -}}
{{- if .Values.tls.enabled -}}
{{- $tls := dict "enabled" true "certFile" "/etc/memc-kv/tls/tls.crt" "keyFile" "/etc/memc-kv/tls/tls.key" -}}
{{- if ne .Values.tls.clientCertificates "none" -}}
{{- $_ := set $tls "verify" .Values.tls.clientCertificates -}}
{{- $_ := set $tls "caFile" "/etc/memc-kv/tls/ca.crt" -}}
{{- end -}}
{{- $_ := set $own "tls" $tls -}}
{{- end -}}
{{- mergeOverwrite (deepCopy (default dict .Values.settings)) $own | toYaml -}}
{{- end -}}

{{/*
Where memory.limit comes from. As a rule from the pod's file, like all the rest. When the container's
memory is fixed (both amounts given) and every pod follows the newest revision anyway, it comes from a
ConfigMap instead: then a change of it alone replaces no pod, the running ones follow (cache_memlimit),
and a container that starts anew finds the newest.
*/}}
{{- define "memc-kv.limitApart" -}}
{{- $given := and .Values.resources.requests.memory .Values.resources.limits.memory -}}
{{- if and $given (ne "true" (include "memc-kv.podsStay" .)) -}}true{{- end -}}
{{- end -}}

{{/* Some pods may keep an old revision for as long as somebody likes. */}}
{{- define "memc-kv.podsStay" -}}
{{- $strategy := .Values.updateStrategy -}}
{{- if or (eq $strategy.type "OnDelete") (gt (int64 $strategy.partition) 0) -}}true{{- end -}}
{{- end -}}

{{- define "memc-kv.podConfig" -}}
{{- $config := include "memc-kv.config" . | fromYaml -}}
{{- if eq "true" (include "memc-kv.limitApart" .) -}}
{{- $_ := unset $config.memory "limit" -}}
{{- if not $config.memory -}}{{- $_ := unset $config "memory" -}}{{- end -}}
{{- end -}}
{{- $config | toYaml -}}
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
