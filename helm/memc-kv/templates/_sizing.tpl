{{/*
The one place in the chart where memory is computed. The need is what the server itself estimates
(residentBytesMax of src/config/derive.ts; test/helm compares the two), and 8 KiB for each connection
beyond the 1024 that are in the estimate. Traces have a sum of their own in it, and so has each connection
when clients speak TLS.

  request = need
  limit   = need and a quarter: buffers of sockets in the kernel are charged to the container too, and
            the process has been seen 4 % above the estimate
  heap    = 64 MiB and 8 KiB for each connection. Items are not in it, so it does not grow with the
            cache; Node's own guess can be larger than the container.
*/}}

{{/* An amount as text: a number of a values file would be written 5e+08. */}}
{{- define "memc-kv.amount" -}}
{{- if kindIs "float64" . -}}{{- int64 . -}}{{- else -}}{{- toString . -}}{{- end -}}
{{- end -}}

{{/* Bytes of a quantity of memory: (dict "value" "1Gi" "name" "values key"). */}}
{{- define "memc-kv.bytes" -}}
{{- $text := include "memc-kv.amount" .value -}}
{{- $units := dict "" 1 "k" 1000 "M" 1000000 "G" 1000000000 "Ki" 1024 "Mi" 1048576 "Gi" 1073741824 -}}
{{- $number := regexFind "^[0-9]+" $text -}}
{{- $unit := trimPrefix $number $text -}}
{{- if or (eq $number "") (not (hasKey $units $unit)) -}}
{{- fail (printf "%s: %s is not allowed; allowed are whole bytes, k, M, G, Ki, Mi or Gi, such as 512Mi" .name $text) -}}
{{- end -}}
{{- mul (int64 $number) (get $units $unit | int64) -}}
{{- end -}}

{{/* Whole MiB, rounded up. */}}
{{- define "memc-kv.mebibytes" -}}
{{- div (add (int64 .) 1048575) 1048576 -}}
{{- end -}}

{{- define "memc-kv.cacheBytes" -}}
{{- include "memc-kv.bytes" (dict "value" .Values.cache.memory "name" "cache.memory") -}}
{{- end -}}

{{/* Bytes that connections beyond the default number may need. */}}
{{- define "memc-kv.connectionBytes" -}}
{{- mul 8192 (max 0 (sub (int64 .Values.cache.connections) 1024)) -}}
{{- end -}}

{{/* Bytes that OpenSSL may keep for the connections. */}}
{{- define "memc-kv.tlsBytes" -}}
{{- ternary (mul 168 1024 (int64 .Values.cache.connections)) 0 .Values.tls.enabled -}}
{{- end -}}

{{- define "memc-kv.needBytes" -}}
{{- $cache := include "memc-kv.cacheBytes" . | int64 -}}
{{- $share := div (add (mul $cache 105) 99) 100 -}}
{{- $workers := mul 14 1048576 (int64 .Values.cache.workers) -}}
{{- $traces := ternary (mul 32 1048576) 0 .Values.tracing.enabled -}}
{{- $connections := add (include "memc-kv.connectionBytes" . | int64) (include "memc-kv.tlsBytes" . | int64) -}}
{{- add $share (mul 80 1048576) $workers $traces $connections -}}
{{- end -}}

{{- define "memc-kv.requestMebibytes" -}}
{{- include "memc-kv.mebibytes" (include "memc-kv.needBytes" .) -}}
{{- end -}}

{{- define "memc-kv.limitMebibytes" -}}
{{- $need := include "memc-kv.needBytes" . | int64 -}}
{{- include "memc-kv.mebibytes" (div (add (mul 5 $need) 3) 4) -}}
{{- end -}}

{{- define "memc-kv.heapMebibytes" -}}
{{- add 64 (include "memc-kv.mebibytes" (mul 8192 (int64 .Values.cache.connections))) -}}
{{- end -}}

{{/*
Refuses a given amount of memory that is below what is needed, with the number. A limit must leave a little
more: the process has been seen 4 % above the estimate, and beyond the limit the kernel ends it.
*/}}
{{- define "memc-kv.checkMemory" -}}
{{- $given := include "memc-kv.bytes" (dict "value" .value "name" .name) | int64 -}}
{{- $need := include "memc-kv.requestMebibytes" .root | int64 -}}
{{- if .limit -}}
{{- $need = include "memc-kv.mebibytes" (div (add (mul 105 (include "memc-kv.needBytes" .root | int64)) 99) 100) | int64 -}}
{{- end -}}
{{- if lt $given (mul $need 1048576) -}}
{{- fail (printf "%s: %s is not enough for cache.memory %s with %d workers%s and %d connections%s, which need %dMi; leave it empty, or give at least that" .name (include "memc-kv.amount" .value) .root.Values.cache.memory (int64 .root.Values.cache.workers) (ternary ", traces" "" .root.Values.tracing.enabled) (int64 .root.Values.cache.connections) (ternary " over TLS" "" .root.Values.tls.enabled) $need) -}}
{{- end -}}
{{- end -}}

{{- define "memc-kv.memoryRequest" -}}
{{- default (printf "%sMi" (include "memc-kv.requestMebibytes" .)) (include "memc-kv.amount" .Values.resources.requests.memory) -}}
{{- end -}}

{{/* A request above the computed limit takes the limit with it. */}}
{{- define "memc-kv.memoryLimit" -}}
{{- if .Values.resources.limits.memory -}}
{{- include "memc-kv.amount" .Values.resources.limits.memory -}}
{{- else -}}
{{- $computed := printf "%sMi" (include "memc-kv.limitMebibytes" .) -}}
{{- $request := include "memc-kv.memoryRequest" . -}}
{{- $higher := gt (include "memc-kv.bytes" (dict "value" $request "name" "resources.requests.memory") | int64) (include "memc-kv.bytes" (dict "value" $computed "name" "") | int64) -}}
{{- ternary $request $computed $higher -}}
{{- end -}}
{{- end -}}

{{- define "memc-kv.resources" -}}
{{- $requests := dict "memory" (include "memc-kv.memoryRequest" .) -}}
{{- with .Values.resources.requests.cpu -}}{{- $_ := set $requests "cpu" (toString .) -}}{{- end -}}
{{- $limits := dict "memory" (include "memc-kv.memoryLimit" .) -}}
{{- with .Values.resources.limits.cpu -}}{{- $_ := set $limits "cpu" (toString .) -}}{{- end -}}
{{- dict "requests" $requests "limits" $limits | toYaml -}}
{{- end -}}

{{/* What a pod can use of processors at most, in thousandths: one for each worker, or its limit. */}}
{{- define "memc-kv.processorMillicores" -}}
{{- $workers := mul 1000 (int64 .Values.cache.workers) -}}
{{- $limit := toString .Values.resources.limits.cpu -}}
{{- if hasSuffix "m" $limit -}}
{{- min $workers (trimSuffix "m" $limit | int64) -}}
{{- else if $limit -}}
{{- min $workers (mulf 1000 (float64 $limit) | int64) -}}
{{- else -}}
{{- $workers -}}
{{- end -}}
{{- end -}}

{{- define "memc-kv.targetMillicores" -}}
{{- $share := mul (include "memc-kv.processorMillicores" . | int64) (int64 .Values.autoscaling.targetWorkerUtilizationPercentage) -}}
{{- max 1 (div $share 100) -}}
{{- end -}}

{{/* cache.memory can change without a change of the pods: whoever gave both amounts, or replaces pods himself. */}}
{{- define "memc-kv.resizable" -}}
{{- if or (and .Values.resources.requests.memory .Values.resources.limits.memory) (eq .Values.updateStrategy.type "OnDelete") -}}true{{- end -}}
{{- end -}}
