{{/* Names. 45 characters leave room for what Kubernetes and this chart append, within 63. */}}
{{- define "memc-kv.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 45 | trimSuffix "-" -}}
{{- end -}}

{{- define "memc-kv.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride -}}
{{- else -}}
{{- $name := include "memc-kv.name" . -}}
{{- $full := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) -}}
{{- $full | trunc 45 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/*
Name of an object in a namespace that others put theirs into as well: (dict "root" $ "namespace" NAMESPACE).
*/}}
{{- define "memc-kv.nameElsewhere" -}}
{{- $name := include "memc-kv.fullname" .root -}}
{{- $own := .root.Release.Namespace -}}
{{- ternary $name (printf "%s-%s" $own $name) (eq $own (default $own .namespace)) -}}
{{- end -}}

{{- define "memc-kv.headlessName" -}}
{{- printf "%s-headless" (include "memc-kv.fullname" .) -}}
{{- end -}}

{{- define "memc-kv.serviceAccountName" -}}
{{- if .Values.serviceAccount.name -}}
{{- .Values.serviceAccount.name -}}
{{- else -}}
{{- ternary (include "memc-kv.fullname" .) "default" .Values.serviceAccount.create -}}
{{- end -}}
{{- end -}}

{{/*
What selects pods. Never more than these three, in no object: selectors of a StatefulSet cannot change,
and a label that changes with a release would leave the pods of the other release out.
*/}}
{{- define "memc-kv.selectorLabels" -}}
app.kubernetes.io/name: {{ include "memc-kv.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/component: cache
{{- end -}}

{{/* Labels of an object: (dict "root" $ "component" "cache" "extra" map). Own ones are the strongest. */}}
{{- define "memc-kv.labels" -}}
{{- $root := .root -}}
{{- $own := dict
  "app.kubernetes.io/name" (include "memc-kv.name" $root)
  "app.kubernetes.io/instance" $root.Release.Name
  "app.kubernetes.io/component" (default "cache" .component)
  "app.kubernetes.io/part-of" (include "memc-kv.name" $root)
  "app.kubernetes.io/managed-by" $root.Release.Service
  "app.kubernetes.io/version" $root.Chart.AppVersion
  "helm.sh/chart" (printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" | trunc 63) -}}
{{- mergeOverwrite (dict) (default dict $root.Values.commonLabels) (default dict .extra) $own | toYaml -}}
{{- end -}}

{{/* The whole `annotations:` of an object, or nothing: (dict "root" $ "extra" map). */}}
{{- define "memc-kv.annotations" -}}
{{- $all := mergeOverwrite (dict) (default dict .root.Values.commonAnnotations) (default dict .extra) -}}
{{- with $all }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "memc-kv.image" -}}
{{- $registry := default .Values.image.registry .Values.global.imageRegistry -}}
{{- $name := ternary .Values.image.repository (printf "%s/%s" $registry .Values.image.repository) (empty $registry) -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" $name .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" $name (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}
{{- end -}}

{{/* Secrets for pulling: names, or {name: NAME} as Kubernetes writes them. */}}
{{- define "memc-kv.imagePullSecrets" -}}
{{- $names := list -}}
{{- range concat (default list .Values.global.imagePullSecrets) (default list .Values.imagePullSecrets) -}}
{{- $names = append $names (ternary . (dict "name" .) (kindIs "map" .)) -}}
{{- end -}}
{{- with $names | uniq }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* True in the sense of templates when the cluster is at least of that version. */}}
{{- define "memc-kv.kubernetes" -}}
{{- if semverCompare (printf ">=%s-0" .version) .root.Capabilities.KubeVersion.Version -}}true{{- end -}}
{{- end -}}

{{/*
How many pods to ask for. An autoscaler's number is its own: it is taken over as it is in the cluster. A
manifest without the field would do on most days, but the one upgrade that leaves it out means 1.
*/}}
{{- define "memc-kv.replicas" -}}
{{- $live := dict -}}
{{- if .Values.autoscaling.enabled -}}
{{- $live = lookup "apps/v1" "StatefulSet" .Release.Namespace (include "memc-kv.fullname" .) -}}
{{- end -}}
{{- if not .Values.autoscaling.enabled -}}
{{- int64 .Values.replicas -}}
{{- else if hasKey (default dict (get $live "spec")) "replicas" -}}
{{- int64 $live.spec.replicas -}}
{{- else -}}
{{- int64 .Values.autoscaling.minReplicas -}}
{{- end -}}
{{- end -}}

{{/* How many pods there may be: what decides about objects that only make sense for several. */}}
{{- define "memc-kv.replicasMax" -}}
{{- ternary .Values.autoscaling.maxReplicas .Values.replicas .Values.autoscaling.enabled | int64 -}}
{{- end -}}

{{- define "memc-kv.authSecret" -}}
{{- default (printf "%s-auth" (include "memc-kv.fullname" .)) .Values.auth.existingSecret -}}
{{- end -}}

{{- define "memc-kv.tlsSecret" -}}
{{- default (printf "%s-tls" (include "memc-kv.fullname" .)) .Values.tls.existingSecret -}}
{{- end -}}

{{/* Whose ca.crt verifies clients of the data port; empty: none are asked for certificates. */}}
{{- define "memc-kv.tlsAuthority" -}}
{{- if ne .Values.tls.clientCertificates "none" -}}
{{- default (include "memc-kv.tlsSecret" .) .Values.tls.clientAuthoritySecret -}}
{{- end -}}
{{- end -}}

{{- define "memc-kv.sidecarTlsSecret" -}}
{{- default (include "memc-kv.tlsSecret" .) .Values.sidecar.tls.existingSecret -}}
{{- end -}}

{{/* The name that certificates are checked against, whichever pod is meant. */}}
{{- define "memc-kv.tlsName" -}}
{{- printf "%s.%s.svc" (include "memc-kv.fullname" .) .Release.Namespace -}}
{{- end -}}

{{- define "memc-kv.authKey" -}}
{{- ternary .Values.auth.existingSecretKey "users" (not (empty .Values.auth.existingSecret)) -}}
{{- end -}}

{{- define "memc-kv.usersFile" -}}
{{- range default list .Values.auth.users }}
{{- printf "%s:%s\n" .name .password }}
{{- end }}
{{- end -}}
