{{/* What all pods have in common, those of the test and of the resize included. */}}
{{- define "memc-kv.podBase" -}}
serviceAccountName: {{ include "memc-kv.serviceAccountName" . | quote }}
automountServiceAccountToken: false
# Variables for every Service of the namespace would only be in the way.
enableServiceLinks: false
{{- include "memc-kv.imagePullSecrets" . }}
{{- with .Values.podSecurityContext }}
securityContext:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- if not .Values.hostUsers }}
hostUsers: false
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . | quote }}
{{- end }}
{{- with .Values.runtimeClassName }}
runtimeClassName: {{ . | quote }}
{{- end }}
{{- with .Values.schedulerName }}
schedulerName: {{ . | quote }}
{{- end }}
{{- end -}}

{{/* The pods of the StatefulSet, without containers and volumes. */}}
{{- define "memc-kv.podSpec" -}}
{{- include "memc-kv.podBase" . }}
{{- with .Values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- if .Values.topologySpreadConstraints }}
topologySpreadConstraints:
  {{- toYaml .Values.topologySpreadConstraints | nindent 2 }}
{{- else if and .Values.defaultTopologySpread (gt (include "memc-kv.replicasMax" . | int64) 1) }}
topologySpreadConstraints:
  {{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
  - maxSkew: 1
    topologyKey: {{ . }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "memc-kv.selectorLabels" $ | nindent 8 }}
    matchLabelKeys:
      - controller-revision-hash
  {{- end }}
{{- end }}
{{- end -}}

{{- define "memc-kv.environment" -}}
env:
  # The heap of JavaScript, which items are not in: Node's own guess can be larger than the container.
  - name: NODE_OPTIONS
    value: --max-old-space-size={{ include "memc-kv.heapMebibytes" . }}
  {{- if eq "true" (include "memc-kv.limitApart" .) }}
  - name: MEMCKV_MEMORY_LIMIT
    valueFrom:
      configMapKeyRef:
        name: {{ include "memc-kv.fullname" . | quote }}
        key: memory.limit
  {{- end }}
  {{- if .Values.tracing.enabled }}
  {{- include "memc-kv.tracingEnvironment" . | nindent 2 }}
  {{- end }}
  {{- with .Values.extraEnv }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with .Values.extraEnvFrom }}
envFrom:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "memc-kv.tracingEnvironment" -}}
- name: POD_NAME
  valueFrom:
    fieldRef:
      fieldPath: metadata.name
- name: POD_NAMESPACE
  valueFrom:
    fieldRef:
      fieldPath: metadata.namespace
- name: NODE_NAME
  valueFrom:
    fieldRef:
      fieldPath: spec.nodeName
- name: OTEL_SERVICE_NAME
  value: {{ include "memc-kv.fullname" . | quote }}
- name: OTEL_RESOURCE_ATTRIBUTES
  value: k8s.namespace.name=$(POD_NAMESPACE),k8s.pod.name=$(POD_NAME),k8s.node.name=$(NODE_NAME),k8s.container.name=memc-kv,service.instance.id=$(POD_NAMESPACE).$(POD_NAME).memc-kv
- name: OTEL_EXPORTER_OTLP_ENDPOINT
  value: {{ .Values.tracing.endpoint | quote }}
- name: OTEL_EXPORTER_OTLP_PROTOCOL
  value: {{ .Values.tracing.protocol }}
{{- with .Values.tracing.sampler }}
- name: OTEL_TRACES_SAMPLER
  value: {{ . | quote }}
{{- end }}
{{- with .Values.tracing.samplerArgument }}
- name: OTEL_TRACES_SAMPLER_ARG
  value: {{ . | quote }}
{{- end }}
{{- with .Values.tracing.headersSecret }}
- name: OTEL_EXPORTER_OTLP_HEADERS
  valueFrom:
    secretKeyRef:
      name: {{ . | quote }}
      key: headers
{{- end }}
{{- end -}}

{{- define "memc-kv.probe" -}}
{{- if .probe.custom -}}
{{- toYaml .probe.custom -}}
{{- else -}}
httpGet:
  path: {{ .path }}
  port: metrics
  {{- if .root.Values.sidecar.tls.enabled }}
  scheme: HTTPS
  {{- end }}
periodSeconds: {{ int64 .probe.periodSeconds }}
timeoutSeconds: {{ int64 .probe.timeoutSeconds }}
failureThreshold: {{ int64 .probe.failureThreshold }}
{{- end -}}
{{- end -}}

{{- define "memc-kv.mounts" -}}
- name: config
  mountPath: /etc/memc-kv/config
  readOnly: true
{{- with include "memc-kv.secretMounts" . }}
{{ . }}
{{- end }}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Where the server and the scripts find what is secret, if there is anything: each volume of that name. */}}
{{- define "memc-kv.secretMounts" -}}
{{- $mounts := list -}}
{{- if .Values.auth.enabled -}}
{{- $mounts = append $mounts (dict "name" "auth" "mountPath" "/etc/memc-kv/auth" "readOnly" true) -}}
{{- end -}}
{{- if .Values.tls.enabled -}}
{{- $mounts = append $mounts (dict "name" "tls" "mountPath" "/etc/memc-kv/tls" "readOnly" true) -}}
{{- end -}}
{{- if .Values.sidecar.tokenSecret -}}
{{- $mounts = append $mounts (dict "name" "sidecar" "mountPath" "/etc/memc-kv/sidecar" "readOnly" true) -}}
{{- end -}}
{{- if .Values.sidecar.tls.enabled -}}
{{- $mounts = append $mounts (dict "name" "sidecar-tls" "mountPath" "/etc/memc-kv/sidecar-tls" "readOnly" true) -}}
{{- end -}}
{{- if $mounts -}}{{- toYaml $mounts -}}{{- end -}}
{{- end -}}

{{/* What the server finds there. */}}
{{- define "memc-kv.secretVolumes" -}}
{{- if .Values.auth.enabled }}
{{ include "memc-kv.authVolume" . }}
{{- end }}
{{- if .Values.tls.enabled }}
{{ include "memc-kv.tlsVolume" (dict "name" "tls" "secret" (include "memc-kv.tlsSecret" .) "authority" (include "memc-kv.tlsAuthority" .)) }}
{{- end }}
{{- if .Values.sidecar.tokenSecret }}
{{ include "memc-kv.tokenVolume" (dict "root" . "key" .Values.sidecar.tokensKey "path" "tokens") }}
{{- end }}
{{- with .Values.sidecar.tls }}
{{- if .enabled }}
{{ include "memc-kv.tlsVolume" (dict "name" "sidecar-tls" "secret" (include "memc-kv.sidecarTlsSecret" $) "authority" .clientAuthoritySecret) }}
{{- end }}
{{- end }}
{{- end -}}

{{/* What the scripts find there: what a client has. */}}
{{- define "memc-kv.clientVolumes" -}}
{{- if .Values.auth.enabled }}
{{ include "memc-kv.loginVolume" . }}
{{- end }}
{{- if .Values.tls.enabled }}
{{ include "memc-kv.tlsClientVolume" (dict "name" "tls" "secret" (include "memc-kv.tlsSecret" .) "client" .Values.tls.clientSecret) }}
{{- end }}
{{- if .Values.sidecar.tokenSecret }}
{{ include "memc-kv.tokenVolume" (dict "root" . "key" .Values.sidecar.tokenKey "path" "token") }}
{{- end }}
{{- with .Values.sidecar.tls }}
{{- if .enabled }}
{{ include "memc-kv.tlsClientVolume" (dict "name" "sidecar-tls" "secret" (include "memc-kv.sidecarTlsSecret" $) "client" .clientSecret) }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "memc-kv.authVolume" -}}
- name: auth
  secret:
    secretName: {{ include "memc-kv.authSecret" . | quote }}
    defaultMode: 0440
    items:
      - key: {{ include "memc-kv.authKey" . | quote }}
        path: users
{{- end -}}

{{/* For the scripts, which have to log in: the first line of that file, or who is named in its place. */}}
{{- define "memc-kv.loginVolume" -}}
{{- if .Values.auth.loginSecret -}}
- name: auth
  secret:
    secretName: {{ .Values.auth.loginSecret | quote }}
    defaultMode: 0440
    items:
      - key: login
        path: users
{{- else -}}
{{- include "memc-kv.authVolume" . -}}
{{- end -}}
{{- end -}}

{{/*
For the server: its certificate, and the authority (empty: none) of its clients' ones.
(dict "name" VOLUME "secret" NAME "authority" NAME)
*/}}
{{- define "memc-kv.tlsVolume" -}}
- name: {{ .name }}
  projected:
    defaultMode: 0440
    sources:
      - secret:
          name: {{ .secret | quote }}
          items:
            - key: tls.crt
              path: tls.crt
            - key: tls.key
              path: tls.key
      {{- with .authority }}
      - secret:
          name: {{ . | quote }}
          items:
            - key: ca.crt
              path: ca.crt
      {{- end }}
{{- end -}}

{{/*
For the scripts: whom to trust, if the server's Secret says so, and what to show (empty: nothing).
(dict "name" VOLUME "secret" NAME "client" NAME)
*/}}
{{- define "memc-kv.tlsClientVolume" -}}
- name: {{ .name }}
  projected:
    defaultMode: 0440
    sources:
      - secret:
          name: {{ .secret | quote }}
          optional: true
          items:
            - key: ca.crt
              path: ca.crt
      {{- with .client }}
      - secret:
          name: {{ . | quote }}
          items:
            - key: tls.crt
              path: tls.crt
            - key: tls.key
              path: tls.key
      {{- end }}
{{- end -}}

{{/* (dict "root" $ "key" "tokens" "path" FILE) */}}
{{- define "memc-kv.tokenVolume" -}}
- name: sidecar
  secret:
    secretName: {{ .root.Values.sidecar.tokenSecret | quote }}
    defaultMode: 0440
    items:
      - key: {{ .key | quote }}
        path: {{ .path }}
{{- end -}}

{{/*
Containers of others beside the server, which are as restricted as it is unless they say otherwise:
(dict "root" $ "containers" list)
*/}}
{{- define "memc-kv.guests" -}}
{{- $guests := list -}}
{{- range .containers -}}
{{- $security := mergeOverwrite (deepCopy (default dict $.root.Values.containerSecurityContext)) (default dict .securityContext) -}}
{{- $guest := deepCopy . -}}
{{- if $security -}}{{- $_ := set $guest "securityContext" $security -}}{{- end -}}
{{- $guests = append $guests $guest -}}
{{- end -}}
{{- toYaml $guests -}}
{{- end -}}

{{/*
The pod of the test and of the resize: the server's image, a script of files/ and a few variables.
(dict "root" $ "name" NAME "script" FILE "environment" list)
*/}}
{{- define "memc-kv.scriptPod" -}}
{{- include "memc-kv.podBase" .root }}
restartPolicy: Never
containers:
  - name: {{ .name }}
    image: {{ include "memc-kv.image" .root | quote }}
    imagePullPolicy: {{ .root.Values.image.pullPolicy }}
    command:
      - node
      - --input-type=module
      - --eval
      - {{ .root.Files.Get .script | toJson }}
    env:
      {{- $environment := .environment }}
      {{- if .root.Values.tls.enabled }}
      {{- $environment = append $environment (dict "name" "TLS_NAME" "value" (include "memc-kv.tlsName" .root)) }}
      {{- end }}
      {{- if .root.Values.sidecar.tls.enabled }}
      {{- $environment = append $environment (dict "name" "METRICS_TLS_NAME" "value" (include "memc-kv.tlsName" .root)) }}
      {{- end }}
      {{- toYaml $environment | nindent 6 }}
    {{- with .root.Values.tests.resources }}
    resources:
      {{- toYaml . | nindent 6 }}
    {{- end }}
    {{- with .root.Values.containerSecurityContext }}
    securityContext:
      {{- toYaml . | nindent 6 }}
    {{- end }}
    {{- with include "memc-kv.secretMounts" .root }}
    volumeMounts:
      {{- . | nindent 6 }}
    {{- end }}
{{- with include "memc-kv.clientVolumes" .root | trim }}
volumes:
  {{- . | nindent 2 }}
{{- end }}
{{- end -}}

{{/*
Labels of such a pod, which has a component of its own, so that no Service takes it for a cache:
(dict "root" $ "name" NAME)
*/}}
{{- define "memc-kv.scriptLabels" -}}
{{- $own := include "memc-kv.selectorLabels" .root | fromYaml -}}
{{- $_ := set $own "app.kubernetes.io/component" .name -}}
{{- $values := .root.Values -}}
{{- mergeOverwrite (dict) (default dict $values.commonLabels) (default dict $values.podLabels) $own | toYaml -}}
{{- end -}}

{{/* Names of all pods there may be, within the namespace, with blanks between. */}}
{{- define "memc-kv.podNames" -}}
{{- $names := list -}}
{{- range $index := until (include "memc-kv.replicasMax" . | int) -}}
{{- $names = append $names (printf "%s-%d.%s" (include "memc-kv.fullname" $) $index (include "memc-kv.headlessName" $)) -}}
{{- end -}}
{{- join " " $names -}}
{{- end -}}
